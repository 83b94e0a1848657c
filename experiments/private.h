/* What a lab is made of. For lab.c, pieces.c and results.c. */
#ifndef HEED_LAB_PRIVATE_H
#define HEED_LAB_PRIVATE_H

#include "experiments/lab.h"

typedef struct lab_piece { char *name; heed_checkpoint *data; struct lab_piece *next; } lab_piece;
typedef struct lab_block { struct lab_block *next; } lab_block; /* memory of lab_alloc follows */

struct lab {
    const lab_request *asked;
    heed_error error;
    heed_folder *folder;
    heed_graph *graph;
    lab_block *blocks;
    heed_page *page, *outer; /* the experiment's own, and one that collects several */
    /* pieces.c */
    lab_piece *pieces;       /* finished ones */
    heed_checkpoint *now;    /* the running one */
    const char *now_name;
    double now_share, now_began;
    double shares, shares_done;    /* in all; of finished pieces */
    double shares_worked, seconds; /* of pieces finished by this process, and what they took */
    double seconds_before;         /* of pieces that were finished before */
};

double lab_clock(void); /* seconds */
void lab_pieces_free(lab *l);

#endif
