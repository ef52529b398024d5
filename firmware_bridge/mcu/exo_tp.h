/* ISO-TP (ISO 15765-2, normal addressing) for one pair of identifiers; the same rules as iso_tp.py. */
#ifndef EXO_TP_H
#define EXO_TP_H

#include "exo_messages.h"

enum { EXO_TP_QUEUE = 4, EXO_TP_TIMEOUT_US = 1000000, EXO_TP_MAX_WAITS = 8 };

typedef struct {
    uint8_t frame_size; /* 8 or 64 */
    uint8_t block_size; /* asked of the other end; 0: no blocks */
    uint32_t bad;
    /* messages that wait to be sent; the first is the one being sent */
    uint8_t queue[EXO_TP_QUEUE][EXO_MAX_BODY];
    uint16_t queue_size[EXO_TP_QUEUE];
    uint8_t queued;
    uint8_t first;
    bool is_sending;
    bool is_waiting;
    uint16_t at;
    uint8_t next_index;
    uint8_t allowed;
    uint8_t waits;
    uint32_t gap_us;
    uint32_t last_us; /* last segment sent, or start of waiting */
    /* flow control to send */
    bool has_flow;
    uint8_t flow_status;
    /* message being received */
    uint8_t received[EXO_MAX_BODY];
    uint16_t received_size;
    uint16_t expected;
    uint8_t expected_index;
    uint8_t block;
    uint32_t received_us;
} exo_tp_t;

void exo_tp_init(exo_tp_t *tp, bool fd, uint8_t block_size);

/* Queues a message; false where the queue is full. */
bool exo_tp_send(exo_tp_t *tp, const uint8_t *body, size_t size);

/* Writes the next frame that is due (room for 64 bytes) and gives its size; 0: none is due. */
uint8_t exo_tp_next(exo_tp_t *tp, uint32_t now_us, uint8_t *frame);

/* One frame of the other end. Gives the size of the message that it completes, at tp->received, or 0. */
size_t exo_tp_feed(exo_tp_t *tp, const uint8_t *data, uint8_t size, uint32_t now_us);

#endif
