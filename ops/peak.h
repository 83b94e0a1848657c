/* What the machine can do at best, measured now: the yardstick beside a profile or a benchmark. */
#ifndef HEED_PEAK_H
#define HEED_PEAK_H

/* Floating-point operations a second (two for a fused multiply-add) of float32 in registers, on `threads` threads as in heed_graph_threads, on the
 * path of heed_isa_now. The best of a few tries; takes about 20 ms. */
double heed_peak_flops(int threads);

#endif
