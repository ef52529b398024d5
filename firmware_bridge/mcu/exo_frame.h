/* Serial frames: COBS(body | CRC-32) closed by one zero. */
#ifndef EXO_FRAME_H
#define EXO_FRAME_H

#include "exo_messages.h"

/* CRC-32 (ISO-HDLC) of `data`, continuing from `crc`; begin with 0. */
uint32_t exo_crc32(uint32_t crc, const uint8_t *data, size_t size);

/* Appends the CRC-32 to a body that has 4 bytes of room behind it; gives the new size. */
size_t exo_add_crc(uint8_t *body, size_t size);

/* True where the last 4 bytes are the CRC-32 of those before, and at least one byte stands before them. */
bool exo_check_crc(const uint8_t *data, size_t size);

/* Writes the frame of a body with its closing zero; `frame` has room for EXO_MAX_FRAME + 1. Gives its size, 0 where the
   body is too long. `body` needs 4 bytes of room behind it and gets its CRC there. */
size_t exo_frame_encode(uint8_t *body, size_t size, uint8_t *frame);

typedef struct {
    uint8_t data[EXO_MAX_FRAME];
    uint16_t size;
    bool is_skipping;
    uint32_t received;
    uint32_t bad;
} exo_frame_reader_t;

void exo_frame_reset(exo_frame_reader_t *reader);

/* One byte from the line. Gives the size of the body that it completes (at reader->data, valid until the next call),
   or 0. */
size_t exo_frame_feed(exo_frame_reader_t *reader, uint8_t byte);

#endif
