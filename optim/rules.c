/* The formulas stand in optimizer.h, the order of a kernel's numbers c[] in ops/update.c. */
#include "optim/rules.h"

#include <math.h>

#define ANY HUGE_VAL /* finite; NAN below: infinity too */
const setting heed_settings[SETTINGS] = {
    [LR] = {"lr", ANY}, [LR_FACTOR] = {"lr_factor", ANY}, [FROZEN] = {"frozen", 2}, [WEIGHT_DECAY] = {"weight_decay", ANY},
    [GRADIENT_SCALE] = {"gradient_scale", ANY}, [CLIP_NORM] = {"clip_norm", NAN}, [CLIP_VALUE] = {"clip_value", NAN},
    [MOMENTUM] = {"momentum", ANY}, [NESTEROV] = {"nesterov", 2}, [ALPHA] = {"alpha", 1}, [BETA1] = {"beta1", 1},
    [BETA2] = {"beta2", 1}, [EPS] = {"eps", ANY},
};

static const heed_update_rule *sgd(const double *s, double lr, double t, heed_update *u)
{
    (void)t;
    bool nesterov = s[NESTEROV] >= 1;
    u->decay = s[WEIGHT_DECAY];
    u->c[0] = lr;
    u->c[1] = s[MOMENTUM];
    u->c[2] = nesterov ? s[MOMENTUM] : 1;
    u->c[3] = nesterov ? 1 : 0;
    return s[MOMENTUM] > 0 ? &heed_update_momentum : &heed_update_sgd;
}

static const heed_update_rule *adagrad(const double *s, double lr, double t, heed_update *u)
{
    (void)t;
    u->decay = s[WEIGHT_DECAY];
    u->c[0] = lr;
    u->c[1] = s[EPS];
    return &heed_update_adagrad;
}

static const heed_update_rule *rmsprop(const double *s, double lr, double t, heed_update *u)
{
    (void)t;
    u->decay = s[WEIGHT_DECAY];
    u->c[0] = lr;
    u->c[1] = s[EPS];
    u->c[2] = s[ALPHA];
    u->c[3] = 1 - s[ALPHA];
    u->c[4] = s[MOMENTUM];
    return s[MOMENTUM] > 0 ? &heed_update_rmsprop_momentum : &heed_update_rmsprop;
}

static const heed_update_rule *adamw(const double *s, double lr, double t, heed_update *u)
{
    u->c[0] = lr / (1 - pow(s[BETA1], t));
    u->c[1] = s[EPS];
    u->c[2] = 1 - s[BETA1];
    u->c[3] = s[BETA2];
    u->c[4] = 1 - s[BETA2];
    u->c[5] = 1 / sqrt(1 - pow(s[BETA2], t));
    u->c[6] = 1 - lr * s[WEIGHT_DECAY];
    return &heed_update_adam;
}

static const heed_update_rule *adam(const double *s, double lr, double t, heed_update *u)
{
    adamw(s, lr, t, u);
    u->decay = s[WEIGHT_DECAY];
    u->c[6] = 1;
    return &heed_update_adam;
}

#define HAS(setting) 1u << (setting)
#define INITIAL(...) {[LR_FACTOR] = 1, [GRADIENT_SCALE] = 1, __VA_ARGS__}
#define ADAM_INITIAL(decay) INITIAL([LR] = 1e-3, [BETA1] = 0.9, [BETA2] = 0.999, [EPS] = 1e-8, [WEIGHT_DECAY] = decay)
#define ADAM_SETTINGS HAS(BETA1) | HAS(BETA2) | HAS(EPS)
const rule heed_rules[RULES] = {
    {"sgd", INITIAL([LR] = 1e-3), HAS(MOMENTUM) | HAS(NESTEROV), &heed_update_momentum, false, sgd},
    {"adagrad", INITIAL([LR] = 1e-2, [EPS] = 1e-10), HAS(EPS), &heed_update_adagrad, false, adagrad},
    {"rmsprop", INITIAL([LR] = 1e-2, [ALPHA] = 0.99, [EPS] = 1e-8), HAS(ALPHA) | HAS(EPS) | HAS(MOMENTUM),
     &heed_update_rmsprop_momentum, false, rmsprop},
    {"adam", ADAM_INITIAL(0), ADAM_SETTINGS, &heed_update_adam, true, adam},
    {"adamw", ADAM_INITIAL(0.01), ADAM_SETTINGS, &heed_update_adam, true, adamw},
};
