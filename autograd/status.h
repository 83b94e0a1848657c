/* Errors: a code and one sentence, kept by whoever owns the failing thing (a graph, a parameter store, a caller's variable).
 *
 * The first failure sticks: setting an error that is already set does nothing, so a chain of calls may be tested once at its
 * end. Nothing in the library prints, exits or aborts on user data.
 */
#ifndef HEED_STATUS_H
#define HEED_STATUS_H

#if defined(__GNUC__) || defined(__clang__)
#define HEED_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define HEED_PRINTF(text, first)
#endif

typedef enum heed_code {
    HEED_OK = 0,
    HEED_INVALID,     /* an argument, option, shape or dtype that cannot be */
    HEED_NO_MEMORY,   /* an allocation was refused */
    HEED_IO,          /* the system refused to open, read, write or rename */
    HEED_FORMAT,      /* a file's content is not what it has to be */
    HEED_STATE,       /* a call at the wrong moment, such as a step after a failed graph */
    HEED_UNSUPPORTED, /* not in this build, or not defined for this op */
    HEED_STOPPED      /* a caller's callback or a signal asked to stop */
} heed_code;

typedef struct heed_error {
    heed_code code;
    char message[508]; /* one sentence: where, what, with numbers; no line end */
} heed_error;

/* Sets `e` unless it is set already (or NULL) and returns `code`. A message that does not fit is cut. */
heed_code heed_fail(heed_error *e, heed_code code, const char *format, ...) HEED_PRINTF(3, 4);

/* heed_fail with ": " and the system's text for errno at the end; code HEED_IO, or HEED_NO_MEMORY for ENOMEM. */
heed_code heed_fail_errno(heed_error *e, const char *format, ...) HEED_PRINTF(2, 3);

/* The code's name in lower case, such as "invalid". */
const char *heed_code_name(heed_code code);

#endif
