/* What exo_board.c and exo_answers.c use of each other; not for a port. */
#ifndef EXO_BOARD_PARTS_H
#define EXO_BOARD_PARTS_H

#include "exo_board.h"

/* Sends board->body. */
void exo_board_send(exo_board_t *board, size_t size);
void exo_board_acknowledge(exo_board_t *board, uint8_t request, uint8_t result, uint32_t detail);
void exo_board_report(exo_board_t *board, uint16_t code, uint8_t channel, bool is_active, uint32_t detail);
void exo_board_start_stream(exo_board_t *board, uint16_t rate_hz);
void exo_board_stop_stream(exo_board_t *board);
/* One whole message from the host. */
void exo_board_handle(exo_board_t *board, const uint8_t *body, size_t size);

#endif
