/* Runs the C codecs on what comes down a pipe: one operation = op u8, size u16, bytes; one answer = size u32, bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exo_can.h"
#include "exo_frame.h"
#include "exo_sample.h"
#include "exo_sha256.h"

/* Generated for the tests: decodes a body, prints its fields, encodes it again. */
size_t dump_message(const uint8_t *body, size_t size, FILE *fields, uint8_t *again);

static uint8_t answer[1 << 20];
static size_t answer_size;
static exo_frame_reader_t reader;
static exo_can_t can;

static void put(const void *data, size_t size)
{
    memcpy(answer + answer_size, data, size);
    answer_size += size;
}

static void put_u32(uint32_t value)
{
    const uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
    put(bytes, 4);
}

static bool put_frame(void *context, const exo_can_frame_t *frame)
{
    const uint8_t head[3] = {(uint8_t)frame->id, (uint8_t)(frame->id >> 8), frame->size};
    (void)context;
    put(head, 3);
    put(frame->data, frame->size);
    return true;
}

static void message(const uint8_t *body, size_t size)
{
    uint8_t again[EXO_MAX_BODY];
    char *text = NULL;
    size_t text_size = 0;
    FILE *fields = open_memstream(&text, &text_size);
    const size_t again_size = dump_message(body, size, fields, again);
    fclose(fields);
    put_u32((uint32_t)again_size);
    put(again, again_size);
    put(text, text_size);
    free(text);
}

static void run(uint8_t op, uint8_t *data, size_t size)
{
    uint8_t out[EXO_MAX_FRAME + 64];
    exo_can_frame_t frame;
    exo_sha256_t hash;
    size_t found;
    switch (op) {
    case 'M':
        message(data, size);
        break;
    case 'E':
        found = exo_frame_encode(data, size, out);
        put(out, found);
        break;
    case 'r':
        exo_frame_reset(&reader);
        break;
    case 'F':
        for (size_t i = 0; i < size; i++) {
            found = exo_frame_feed(&reader, data[i]);
            if (found != 0) {
                put_u32((uint32_t)found);
                put(reader.data, found);
            }
        }
        break;
    case 'B':
        put_u32(reader.received);
        put_u32(reader.bad);
        break;
    case 'I':
        exo_can_init(&can, data[0], data[1] != 0, data[2] != 0, data[3]);
        break;
    case 'S': /* body: the frames that go out at once */
        exo_can_send(&can, data, size, put_frame, NULL);
        break;
    case 'P': /* time u32: the frames that are due */
        exo_can_poll(&can, (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24,
                     put_frame, NULL);
        break;
    case 'C': /* time u32, id u16, data: the body that it completes */
        frame.id = (uint16_t)(data[4] | data[5] << 8);
        frame.size = (uint8_t)(size - 6);
        memcpy(frame.data, data + 6, size - 6);
        found = exo_can_feed(
            &can, &frame, (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24);
        put(can.body, found);
        break;
    case 'H':
        exo_sha256_begin(&hash);
        exo_sha256_add(&hash, data, size);
        exo_sha256_end(&hash, out);
        put(out, 32);
        break;
    default:
        exit(2);
    }
}

int main(void)
{
    uint8_t head[3];
    static uint8_t data[65536 + 4];
    while (fread(head, 1, 3, stdin) == 3) {
        const size_t size = (size_t)head[1] | (size_t)head[2] << 8;
        if (fread(data, 1, size, stdin) != size) {
            return 1;
        }
        answer_size = 0;
        run(head[0], data, size);
        const uint8_t sent[4] = {(uint8_t)answer_size, (uint8_t)(answer_size >> 8), (uint8_t)(answer_size >> 16), 0};
        fwrite(sent, 1, 4, stdout);
        fwrite(answer, 1, answer_size, stdout);
        fflush(stdout);
    }
    return 0;
}
