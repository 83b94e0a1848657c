/* What micro-kernels are written with: loops that are unrolled whole, and values that stay in registers. */
#ifndef HEED_UNROLL_H
#define HEED_UNROLL_H

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL(n) _Pragma("clang loop unroll(full)")
#else
#define UNROLL_(text) _Pragma(#text)
#define UNROLL(n) UNROLL_(GCC unroll n)
#endif

/* Keeps a value in a register: gcc otherwise folds loads back into every multiplication that uses them. */
#if defined(__x86_64__)
#define KEEP(vector) __asm__("" : "+v"(vector))
#else
#define KEEP(vector) (void)0
#endif

#endif
