/* Little-endian bytes and padded texts, as the exo wire has them. No alignment, no host order assumed. */
#ifndef EXO_BYTES_H
#define EXO_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint8_t *exo_put_u8(uint8_t *p, uint8_t value)
{
    *p = value;
    return p + 1;
}

static inline uint8_t *exo_put_u16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
    return p + 2;
}

static inline uint8_t *exo_put_u32(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
    p[2] = (uint8_t)(value >> 16);
    p[3] = (uint8_t)(value >> 24);
    return p + 4;
}

static inline uint8_t *exo_put_bytes(uint8_t *p, const uint8_t *data, size_t size)
{
    memcpy(p, data, size);
    return p + size;
}

/* `text` ends with NUL; `size` bytes are written, padded with NUL. */
static inline uint8_t *exo_put_text(uint8_t *p, const char *text, size_t size)
{
    size_t i = 0;
    for (; i < size && text[i] != '\0'; i++) {
        p[i] = (uint8_t)text[i];
    }
    for (; i < size; i++) {
        p[i] = 0;
    }
    return p + size;
}

static inline uint8_t *exo_put_text_tail(uint8_t *p, const char *text, size_t limit)
{
    size_t i = 0;
    for (; i < limit && text[i] != '\0'; i++) {
        p[i] = (uint8_t)text[i];
    }
    return p + i;
}

static inline uint8_t exo_get_u8(const uint8_t *p)
{
    return p[0];
}

static inline uint16_t exo_get_u16(const uint8_t *p)
{
    return (uint16_t)((uint16_t)p[0] | (uint16_t)((uint16_t)p[1] << 8));
}

static inline uint32_t exo_get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void exo_get_bytes(const uint8_t *p, size_t size, uint8_t *out)
{
    memcpy(out, p, size);
}

static inline bool exo_is_printable(uint8_t byte)
{
    return byte >= 0x20 && byte < 0x7F;
}

/* `out` has room for size + 1. False where a byte is not printable or stands after a NUL. */
static inline bool exo_get_text(const uint8_t *p, size_t size, char *out)
{
    size_t length = 0;
    while (length < size && p[length] != 0) {
        if (!exo_is_printable(p[length])) {
            return false;
        }
        out[length] = (char)p[length];
        length++;
    }
    for (size_t i = length; i < size; i++) {
        if (p[i] != 0) {
            return false;
        }
    }
    memset(out + length, 0, size + 1 - length);
    return true;
}

static inline bool exo_get_text_tail(const uint8_t *p, size_t size, char *out)
{
    for (size_t i = 0; i < size; i++) {
        if (!exo_is_printable(p[i])) {
            return false;
        }
        out[i] = (char)p[i];
    }
    out[size] = '\0';
    return true;
}

#endif
