#include "exo_frame.h"

#include "exo_bytes.h"

uint32_t exo_crc32(uint32_t crc, const uint8_t *data, size_t size)
{
    /* One table of 16: small enough for any flash, twice as quick as bit by bit. */
    static const uint32_t table[16] = {
        0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u, 0x4DB26158u, 0x5005713Cu,
        0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu, 0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu,
    };
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        crc = (crc >> 4) ^ table[crc & 15u];
        crc = (crc >> 4) ^ table[crc & 15u];
    }
    return ~crc;
}

size_t exo_add_crc(uint8_t *body, size_t size)
{
    exo_put_u32(body + size, exo_crc32(0, body, size));
    return size + 4;
}

bool exo_check_crc(const uint8_t *data, size_t size)
{
    return size > 4 && exo_crc32(0, data, size - 4) == exo_get_u32(data + size - 4);
}

size_t exo_frame_encode(uint8_t *body, size_t size, uint8_t *frame)
{
    if (size == 0 || size + 4 > EXO_MAX_BODY) {
        return 0;
    }
    size = exo_add_crc(body, size);
    size_t code_at = 0;
    size_t at = 1;
    uint8_t code = 1;
    for (size_t i = 0; i < size; i++) {
        if (body[i] != 0) {
            frame[at++] = body[i];
            code++;
        }
        if (body[i] == 0 || (code == 0xFF && i + 1 < size)) {
            frame[code_at] = code;
            code = 1;
            code_at = at++;
        }
    }
    frame[code_at] = code;
    frame[at++] = 0;
    return at;
}

void exo_frame_reset(exo_frame_reader_t *reader)
{
    memset(reader, 0, sizeof *reader);
}

/* In place; gives the size of the decoded bytes, 0 where a code points past the end. */
static size_t cobs_decode(uint8_t *data, size_t size)
{
    size_t from = 0;
    size_t to = 0;
    while (from < size) {
        const uint8_t code = data[from++];
        const size_t count = (size_t)code - 1;
        if (count > size - from) {
            return 0;
        }
        memmove(data + to, data + from, count);
        to += count;
        from += count;
        if (code != 0xFF && from < size) {
            data[to++] = 0;
        }
    }
    return to;
}

size_t exo_frame_feed(exo_frame_reader_t *reader, uint8_t byte)
{
    if (byte != 0) {
        if (reader->is_skipping) {
            return 0;
        }
        if (reader->size == EXO_MAX_FRAME) {
            reader->is_skipping = true;
            reader->bad++;
            return 0;
        }
        reader->data[reader->size++] = byte;
        return 0;
    }
    const size_t size = reader->size;
    const bool was_skipping = reader->is_skipping;
    reader->size = 0;
    reader->is_skipping = false;
    if (was_skipping || size == 0) {
        return 0;
    }
    const size_t decoded = cobs_decode(reader->data, size);
    if (!exo_check_crc(reader->data, decoded)) {
        reader->bad++;
        return 0;
    }
    reader->received++;
    return decoded - 4;
}
