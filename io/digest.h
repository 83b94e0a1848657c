/* SHA-256 (FIPS 180-4), computed by OpenSSL's libcrypto, which HDF5's development package brings along anyway. */
#ifndef HEED_DIGEST_H
#define HEED_DIGEST_H

#include <stddef.h>

#include "../autograd/status.h"

enum { HEED_SHA256_SIZE = 32, HEED_SHA256_HEX = 2 * HEED_SHA256_SIZE + 1 };

typedef struct heed_sha256 heed_sha256;

/* A running digest, or NULL. A failure inside sticks until heed_sha256_end, which tells it and frees the digest. */
heed_sha256 *heed_sha256_new(heed_error *e);
void heed_sha256_add(heed_sha256 *s, const void *data, size_t size);
heed_code heed_sha256_end(heed_sha256 *s, unsigned char digest[HEED_SHA256_SIZE], heed_error *e);
void heed_sha256_free(heed_sha256 *s); /* gives a digest up before its end; NULL is fine */

/* The digest of a whole file in lower-case hexadecimal, as sha256sum prints it. */
heed_code heed_sha256_file(const char *file, char hex[HEED_SHA256_HEX], heed_error *e);

#endif
