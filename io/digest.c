#include "io/digest.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>

#include "autograd/memory.h"

struct heed_sha256 {
    EVP_MD_CTX *context;
    bool good;
};

heed_sha256 *heed_sha256_new(heed_error *e)
{
    heed_sha256 *s = heed_calloc(1, sizeof *s);
    if (s) s->context = EVP_MD_CTX_new();
    if (!s || !s->context) {
        heed_free(s);
        heed_fail(e, HEED_NO_MEMORY, "no memory for a SHA-256 digest");
        return NULL;
    }
    s->good = EVP_DigestInit_ex(s->context, EVP_sha256(), NULL) == 1;
    return s;
}

void heed_sha256_add(heed_sha256 *s, const void *data, size_t size)
{
    if (s->good && size > 0) s->good = EVP_DigestUpdate(s->context, data, size) == 1;
}

heed_code heed_sha256_end(heed_sha256 *s, unsigned char digest[HEED_SHA256_SIZE], heed_error *e)
{
    bool good = s->good && EVP_DigestFinal_ex(s->context, digest, NULL) == 1;
    heed_sha256_free(s);
    return good ? HEED_OK : heed_fail(e, HEED_UNSUPPORTED, "libcrypto cannot compute a SHA-256 digest");
}

void heed_sha256_free(heed_sha256 *s)
{
    if (!s) return;
    EVP_MD_CTX_free(s->context);
    heed_free(s);
}

heed_code heed_sha256_file(const char *file, char hex[HEED_SHA256_HEX], heed_error *e)
{
    FILE *in = fopen(file, "rb");
    if (!in) return heed_fail_errno(e, "cannot open %s", file);
    heed_sha256 *s = heed_sha256_new(e);
    if (!s) {
        fclose(in);
        return HEED_NO_MEMORY;
    }
    unsigned char buffer[1 << 15], digest[HEED_SHA256_SIZE];
    size_t got;
    while ((got = fread(buffer, 1, sizeof buffer, in)) > 0) heed_sha256_add(s, buffer, got);
    heed_code code = ferror(in) ? heed_fail_errno(e, "cannot read %s", file) : HEED_OK;
    fclose(in);
    if (code) {
        heed_sha256_free(s);
        return code;
    }
    code = heed_sha256_end(s, digest, e);
    for (int i = 0; !code && i < HEED_SHA256_SIZE; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return code;
}
