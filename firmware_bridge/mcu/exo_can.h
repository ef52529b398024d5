/* The exo wire on CAN: identifiers, short messages, SAMPLE in parts (classic) or whole (FD), ISO-TP for the rest. */
#ifndef EXO_CAN_H
#define EXO_CAN_H

#include "exo_messages.h"
#include "exo_tp.h"

typedef struct {
    uint16_t id;
    uint8_t size;
    uint8_t data[64];
} exo_can_frame_t;

/* Hands over one frame; false where the controller has no room. */
typedef bool (*exo_can_write_t)(void *context, const exo_can_frame_t *frame);

typedef struct {
    uint8_t node;
    bool is_fd;
    bool is_board;
    exo_tp_t tp;
    uint8_t body[EXO_MAX_BODY]; /* what `feed` completed */
    uint32_t bad;
    uint32_t received;
} exo_can_t;

void exo_can_init(exo_can_t *can, uint8_t node, bool is_fd, bool is_board, uint8_t block_size);

/* Sends a body: at once, or queued for `exo_can_poll` where it is long (4 bytes of room behind it for the CRC). False
   where it could not be sent whole. */
bool exo_can_send(exo_can_t *can, uint8_t *body, size_t size, exo_can_write_t write, void *context);

/* Sends the segments that are due. */
void exo_can_poll(exo_can_t *can, uint32_t now_us, exo_can_write_t write, void *context);

/* One frame from the bus. Gives the size of the body that it completes, at can->body, or 0. (The board's side: it does
   not put SAMPLEs together.) */
size_t exo_can_feed(exo_can_t *can, const exo_can_frame_t *frame, uint32_t now_us);

/* CRC-16 (polynomial 0x1021, most significant bit first), continuing from `crc`; begin with 0xFFFF. */
uint16_t exo_crc16(uint16_t crc, const uint8_t *data, size_t size);

#endif
