/* The instruction-set path of the kernels, found once from the CPU. */
#ifndef HEED_ISA_H
#define HEED_ISA_H

typedef enum heed_isa { HEED_PORTABLE, HEED_AVX2, HEED_AVX512, HEED_ISA_COUNT } heed_isa;

/* The path in use: the best this CPU has, or what the environment's HEED_ISA (portable, avx2, avx512) asks for if the CPU has it. */
heed_isa heed_isa_now(void);
const char *heed_isa_name(heed_isa isa);

#endif
