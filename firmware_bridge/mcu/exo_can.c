#include "exo_can.h"

#include "exo_bytes.h"
#include "exo_frame.h"
#include "exo_sample.h"

enum { STATES_SENT = 0x80 };

static const struct {
    uint8_t type;
    uint8_t function;
    bool is_from_board;
} own_identifier[] = {
    {EXO_TYPE_FAULT, EXO_CAN_FAULT, true},           {EXO_TYPE_TIME_GET, EXO_CAN_TIME_GET, false},
    {EXO_TYPE_TIME, EXO_CAN_TIME, true},             {EXO_TYPE_HOST_BEAT, EXO_CAN_HOST_BEAT, false},
    {EXO_TYPE_BOARD_BEAT, EXO_CAN_BOARD_BEAT, true},
};
enum { OWN_IDENTIFIERS = sizeof own_identifier / sizeof own_identifier[0] };

uint16_t exo_crc16(uint16_t crc, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint16_t x = (uint16_t)((crc >> 8) ^ data[i]);
        x = (uint16_t)(x ^ (x >> 4));
        crc = (uint16_t)((uint32_t)crc << 8 ^ (uint32_t)x << 12 ^ (uint32_t)x << 5 ^ x);
    }
    return crc;
}

void exo_can_init(exo_can_t *can, uint8_t node, bool is_fd, bool is_board, uint8_t block_size)
{
    memset(can, 0, sizeof *can);
    can->node = node;
    can->is_fd = is_fd;
    can->is_board = is_board;
    exo_tp_init(&can->tp, is_fd, block_size);
}

static bool write_part(const exo_can_t *can, uint16_t function, const uint8_t *data, size_t size, exo_can_write_t write,
                       void *context)
{
    exo_can_frame_t frame;
    frame.id = (uint16_t)(function << 4 | can->node);
    frame.size = (uint8_t)size;
    memcpy(frame.data, data, size);
    return write(context, &frame);
}

static bool send_whole_sample(const exo_can_t *can, const uint8_t *body, size_t size, exo_can_write_t write,
                              void *context)
{
    static const uint8_t lengths[] = {8, 12, 16, 20, 24, 32, 48, 64};
    uint8_t data[64] = {0};
    size_t i = 0;
    memcpy(data, body + 1, size - 1);
    while (lengths[i] < size - 1) {
        i++;
    }
    return write_part(can, EXO_CAN_SAMPLE_WHOLE, data, lengths[i], write, context);
}

static bool send_parts(const exo_can_t *can, uint16_t function, const uint8_t *data, size_t size, exo_can_write_t write,
                       void *context)
{
    bool is_sent = true;
    for (size_t at = 0; at < size; at += 8) {
        const size_t part = size - at < 8 ? size - at : 8;
        is_sent = write_part(can, (uint16_t)(function + at / 8), data + at, part, write, context) && is_sent;
    }
    return is_sent;
}

static bool send_sample(const exo_can_t *can, const uint8_t *body, size_t size, exo_can_write_t write, void *context)
{
    const size_t channels = size < EXO_SAMPLE_HEAD ? 0 : body[10] & 0x7Fu;
    const size_t width = channels != 0 && (body[10] & EXO_FORM_WIDE) != 0 ? 4 : 2;
    if (channels == 0 || channels > EXO_MAX_CHANNELS || size != EXO_SAMPLE_HEAD + channels * (width + 1)) {
        return false;
    }
    if (can->is_fd && size - 1 <= 64) {
        return send_whole_sample(can, body, size, write, context);
    }
    const uint8_t *counts = body + EXO_SAMPLE_HEAD;
    const uint8_t *states = body + size - channels;
    bool has_states = false;
    for (size_t i = 0; i < channels; i++) {
        has_states = has_states || states[i] != 0;
    }
    uint16_t crc = exo_crc16(0xFFFF, counts, (size_t)(states - counts));
    bool is_sent = send_parts(can, EXO_CAN_SAMPLE_COUNTS, counts, (size_t)(states - counts), write, context);
    if (has_states) {
        crc = exo_crc16(crc, states, channels);
        is_sent = send_parts(can, EXO_CAN_SAMPLE_STATES, states, channels, write, context) && is_sent;
    }
    uint8_t tail[8];
    memcpy(tail, body + 5, 4);
    tail[4] = body[1];
    tail[5] = (uint8_t)(body[9] | (has_states ? STATES_SENT : 0));
    exo_put_u16(tail + 6, exo_crc16(crc, tail, 6));
    return write_part(can, EXO_CAN_SAMPLE_TAIL, tail, sizeof tail, write, context) && is_sent;
}

bool exo_can_send(exo_can_t *can, uint8_t *body, size_t size, exo_can_write_t write, void *context)
{
    if (size == 0 || size + 4 > EXO_MAX_BODY) {
        return false;
    }
    if (body[0] == EXO_SAMPLE_TYPE) {
        return send_sample(can, body, size, write, context);
    }
    for (size_t i = 0; i < OWN_IDENTIFIERS; i++) {
        if (own_identifier[i].type == body[0]) {
            return size <= 9 &&
                   write_part(can, own_identifier[i].function, body + 1, size - 1, write, context);
        }
    }
    return exo_tp_send(&can->tp, body, exo_add_crc(body, size));
}

void exo_can_poll(exo_can_t *can, uint32_t now_us, exo_can_write_t write, void *context)
{
    exo_can_frame_t frame;
    frame.id = (uint16_t)((can->is_board ? EXO_CAN_TO_HOST : EXO_CAN_TO_BOARD) << 4 | can->node);
    while ((frame.size = exo_tp_next(&can->tp, now_us, frame.data)) != 0) {
        if (!write(context, &frame)) {
            can->bad++;
        }
    }
}

size_t exo_can_feed(exo_can_t *can, const exo_can_frame_t *frame, uint32_t now_us)
{
    if ((frame->id & 15u) != can->node) {
        return 0;
    }
    const uint16_t function = (uint16_t)(frame->id >> 4);
    size_t size = 0;
    if (function == (can->is_board ? EXO_CAN_TO_BOARD : EXO_CAN_TO_HOST)) {
        const size_t whole = exo_tp_feed(&can->tp, frame->data, frame->size, now_us);
        if (whole != 0 && exo_check_crc(can->tp.received, whole)) {
            size = whole - 4;
            memcpy(can->body, can->tp.received, size);
        } else if (whole != 0) {
            can->bad++;
        }
    }
    for (size_t i = 0; i < OWN_IDENTIFIERS; i++) {
        if (own_identifier[i].function == function && own_identifier[i].is_from_board != can->is_board) {
            can->body[0] = own_identifier[i].type;
            memcpy(can->body + 1, frame->data, frame->size);
            size = (size_t)frame->size + 1;
        }
    }
    can->received += size != 0;
    return size;
}
