/* SHA-256, FIPS 180-4. */
#ifndef EXO_SHA256_H
#define EXO_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t state[8];
    uint8_t block[64];
    uint32_t size;
} exo_sha256_t;

void exo_sha256_begin(exo_sha256_t *hash);
void exo_sha256_add(exo_sha256_t *hash, const uint8_t *data, size_t size);
void exo_sha256_end(exo_sha256_t *hash, uint8_t digest[32]);

#endif
