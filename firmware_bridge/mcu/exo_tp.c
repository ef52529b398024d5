#include "exo_tp.h"

#include <string.h>

enum { SINGLE = 0x00, FIRST = 0x10, CONSECUTIVE = 0x20, FLOW = 0x30, PAD = 0xCC };
enum { FLOW_CONTINUE = 0, FLOW_WAIT = 1, FLOW_OVERFLOW = 2 };

void exo_tp_init(exo_tp_t *tp, bool fd, uint8_t block_size)
{
    memset(tp, 0, sizeof *tp);
    tp->frame_size = fd ? 64 : 8;
    tp->block_size = block_size;
}

bool exo_tp_send(exo_tp_t *tp, const uint8_t *body, size_t size)
{
    if (tp->queued == EXO_TP_QUEUE || size == 0 || size > EXO_MAX_BODY) {
        return false;
    }
    const uint8_t slot = (uint8_t)((tp->first + tp->queued) % EXO_TP_QUEUE);
    memcpy(tp->queue[slot], body, size);
    tp->queue_size[slot] = (uint16_t)size;
    tp->queued++;
    return true;
}

static void drop_first(exo_tp_t *tp)
{
    tp->first = (uint8_t)((tp->first + 1) % EXO_TP_QUEUE);
    tp->queued--;
    tp->is_sending = false;
    tp->is_waiting = false;
}

/* FD frames grow to a length that exists; classic ones stay as long as they are. */
static uint8_t padded(uint8_t *frame, size_t size)
{
    static const uint8_t lengths[] = {8, 12, 16, 20, 24, 32, 48, 64};
    if (size <= 8) {
        return (uint8_t)size;
    }
    size_t i = 0;
    while (lengths[i] < size) {
        i++;
    }
    memset(frame + size, PAD, lengths[i] - size);
    return lengths[i];
}

static uint8_t begin(exo_tp_t *tp, uint32_t now_us, uint8_t *frame)
{
    const uint8_t *body = tp->queue[tp->first];
    const size_t size = tp->queue_size[tp->first];
    if (size <= 7) {
        frame[0] = (uint8_t)(SINGLE | size);
        memcpy(frame + 1, body, size);
        drop_first(tp);
        return padded(frame, size + 1);
    }
    if (size <= (size_t)tp->frame_size - 2) {
        frame[0] = SINGLE;
        frame[1] = (uint8_t)size;
        memcpy(frame + 2, body, size);
        drop_first(tp);
        return padded(frame, size + 2);
    }
    frame[0] = (uint8_t)(FIRST | size >> 8);
    frame[1] = (uint8_t)size;
    memcpy(frame + 2, body, (size_t)tp->frame_size - 2);
    tp->at = (uint16_t)(tp->frame_size - 2);
    tp->next_index = 1;
    tp->is_sending = true;
    tp->is_waiting = true;
    tp->waits = 0;
    tp->last_us = now_us;
    return tp->frame_size;
}

static uint8_t consecutive(exo_tp_t *tp, uint32_t now_us, uint8_t *frame)
{
    const size_t size = tp->queue_size[tp->first];
    size_t part = size - tp->at;
    if (part > (size_t)tp->frame_size - 1) {
        part = (size_t)tp->frame_size - 1;
    }
    frame[0] = (uint8_t)(CONSECUTIVE | tp->next_index);
    memcpy(frame + 1, tp->queue[tp->first] + tp->at, part);
    tp->at = (uint16_t)(tp->at + part);
    tp->next_index = (tp->next_index + 1) & 15u;
    tp->last_us = now_us;
    if (tp->at >= size) {
        drop_first(tp);
    } else if (tp->allowed != 0 && --tp->allowed == 0) {
        tp->is_waiting = true;
        tp->waits = 0;
    }
    return padded(frame, part + 1);
}

uint8_t exo_tp_next(exo_tp_t *tp, uint32_t now_us, uint8_t *frame)
{
    if (tp->has_flow) {
        tp->has_flow = false;
        frame[0] = (uint8_t)(FLOW | tp->flow_status);
        frame[1] = tp->flow_status == FLOW_CONTINUE ? tp->block_size : 0;
        frame[2] = 0;
        return 3;
    }
    if (tp->is_sending && tp->is_waiting && now_us - tp->last_us > EXO_TP_TIMEOUT_US) {
        drop_first(tp);
        tp->bad++;
    }
    if (tp->queued == 0 || (tp->is_sending && tp->is_waiting)) {
        return 0;
    }
    if (!tp->is_sending) {
        return begin(tp, now_us, frame);
    }
    if (tp->gap_us != 0 && now_us - tp->last_us < tp->gap_us) {
        return 0;
    }
    return consecutive(tp, now_us, frame);
}

static uint32_t gap_us(uint8_t code)
{
    if (code <= 0x7F) {
        return code * 1000u;
    }
    return code >= 0xF1 && code <= 0xF9 ? (code - 0xF0u) * 100u : 127000u;
}

static void flow(exo_tp_t *tp, const uint8_t *data, uint8_t size, uint32_t now_us)
{
    if (!tp->is_sending || !tp->is_waiting || size < 3) {
        tp->bad++;
        return;
    }
    const uint8_t status = data[0] & 15u;
    if (status == FLOW_CONTINUE) {
        tp->is_waiting = false;
        tp->allowed = data[1];
        tp->gap_us = gap_us(data[2]);
        tp->last_us = now_us - tp->gap_us;
    } else if (status == FLOW_WAIT && tp->waits < EXO_TP_MAX_WAITS) {
        tp->waits++;
        tp->last_us = now_us;
    } else {
        drop_first(tp);
        tp->bad++;
    }
}

static void forget_received(exo_tp_t *tp)
{
    if (tp->expected != 0) {
        tp->bad++;
        tp->expected = 0;
    }
}

static size_t single(exo_tp_t *tp, const uint8_t *data, uint8_t size)
{
    forget_received(tp);
    size_t length = data[0] & 15u;
    size_t start = 1;
    if (length == 0 && size > 8) {
        length = data[1];
        start = 2;
    }
    if (length == 0 || length > size - start || (start == 1 && length > 7)) {
        tp->bad++;
        return 0;
    }
    memcpy(tp->received, data + start, length);
    return length;
}

static void first(exo_tp_t *tp, const uint8_t *data, uint8_t size, uint32_t now_us)
{
    forget_received(tp);
    const uint16_t length = size < 8 ? 0 : (uint16_t)((data[0] & 15u) << 8 | data[1]);
    if (size < 8 || length <= size - 2) {
        tp->bad++;
        return;
    }
    tp->has_flow = true;
    if (length > EXO_MAX_BODY) {
        tp->bad++;
        tp->flow_status = FLOW_OVERFLOW;
        return;
    }
    tp->flow_status = FLOW_CONTINUE;
    memcpy(tp->received, data + 2, (size_t)size - 2);
    tp->received_size = (uint16_t)(size - 2);
    tp->expected = length;
    tp->expected_index = 1;
    tp->block = tp->block_size;
    tp->received_us = now_us;
}

static size_t more(exo_tp_t *tp, const uint8_t *data, uint8_t size, uint32_t now_us)
{
    if (tp->expected == 0) {
        tp->bad++;
        return 0;
    }
    if ((data[0] & 15u) != tp->expected_index || now_us - tp->received_us > EXO_TP_TIMEOUT_US || size < 2) {
        forget_received(tp);
        return 0;
    }
    size_t part = (size_t)size - 1;
    if (part > (size_t)tp->expected - tp->received_size) {
        part = (size_t)tp->expected - tp->received_size;
    }
    memcpy(tp->received + tp->received_size, data + 1, part);
    tp->received_size = (uint16_t)(tp->received_size + part);
    tp->expected_index = (tp->expected_index + 1) & 15u;
    tp->received_us = now_us;
    if (tp->received_size == tp->expected) {
        tp->expected = 0;
        return tp->received_size;
    }
    if (tp->block != 0 && --tp->block == 0) {
        tp->block = tp->block_size;
        tp->has_flow = true;
        tp->flow_status = FLOW_CONTINUE;
    }
    return 0;
}

size_t exo_tp_feed(exo_tp_t *tp, const uint8_t *data, uint8_t size, uint32_t now_us)
{
    if (size == 0) {
        tp->bad++;
        return 0;
    }
    switch (data[0] & 0xF0u) {
    case SINGLE:
        return single(tp, data, size);
    case FIRST:
        first(tp, data, size, now_us);
        return 0;
    case CONSECUTIVE:
        return more(tp, data, size, now_us);
    case FLOW:
        flow(tp, data, size, now_us);
        return 0;
    default:
        tp->bad++;
        return 0;
    }
}
