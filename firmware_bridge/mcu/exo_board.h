/* A whole board: answers every message, streams samples, beats, keeps faults and log. No heap, no OS, no global state.

   main loop:  exo_board_start(&board, &config);
               for (;;) {
                   while (a byte has come)  { exo_board_byte(&board, byte); }          serial
                   while (a frame has come) { exo_board_can_frame(&board, &frame); }   CAN
                   exo_board_poll(&board);
               }                                                                                             */
#ifndef EXO_BOARD_H
#define EXO_BOARD_H

#include "exo_frame.h"
#include "exo_sample.h"
#include "exo_store.h"
#include "exo_update.h"

enum { EXO_LOG_LINES = 16, EXO_CONFIRM_WITHIN_MS = 60000, EXO_FAULT_EVERY_MS = 100 };
enum { EXO_REBOOT_AFTER_MS = 20, EXO_REBOOT_AT_LAST_MS = 200 };

typedef enum { EXO_LINK_SERIAL, EXO_LINK_CAN, EXO_LINK_CAN_FD } exo_link_t;

typedef struct {
    exo_link_t link;
    uint8_t node; /* CAN only */
    const char *serial_number;
    const char *make;
    const char *board;
    const exo_channel_t *channels;
    uint8_t channel_count;
    uint8_t count_bytes; /* 2 or 4 */
    uint8_t inputs;      /* EXO_INPUT_HAS_* */
    uint16_t max_rate_hz;
    const exo_param_t *params;
    uint8_t param_count;
    bool has_boot_loader; /* it has called exo_update_boot already at this start */
} exo_config_t;

typedef struct {
    const exo_config_t *config;
    exo_frame_reader_t reader;
    exo_can_t can;
    exo_store_t store;
    exo_update_t update;
    uint32_t dictionary_crc;
    char firmware[17];
    uint8_t body[EXO_MAX_BODY];
    uint8_t frame[EXO_MAX_FRAME + 1];
    /* time */
    uint32_t last_us;
    uint32_t part_ms_us;
    uint32_t uptime_ms;
    uint32_t received_us; /* when the message being answered was in */
    /* stream */
    uint16_t rate_hz; /* 0: not streaming */
    uint32_t due_us;
    uint32_t due_rest; /* of 1 s / rate, so that no phase is lost */
    exo_sample_t sample;
    uint32_t good_us[EXO_MAX_CHANNELS];
    bool is_old[EXO_MAX_CHANNELS]; /* more than 15 ms: stays so until the next good reading */
    bool is_seen[EXO_MAX_CHANNELS];
    /* beats */
    bool is_host_heard;
    bool is_arm_enabled;
    uint8_t token;
    uint32_t host_ms;
    uint32_t beat_ms;
    /* faults: one line a channel, the emergency stop, the enable switch */
    uint8_t reported[EXO_MAX_CHANNELS];
    uint32_t fault_ms[EXO_MAX_CHANNELS];
    bool is_estop_reported;
    bool is_switch_reported; /* both of its contacts at once; until neither is */
    bool is_store_lost;
    uint16_t faults;
    /* log */
    exo_log_t log[EXO_LOG_LINES];
    uint32_t log_number; /* of the next line */
    exo_stats_t stats;
    bool is_reboot_due; /* once the answer has left */
    uint32_t reboot_ms;
} exo_board_t;

/* False where no slot holds a whole image (a boot loader then waits for an update; the application cannot run). */
bool exo_board_start(exo_board_t *board, const exo_config_t *config);
void exo_board_byte(exo_board_t *board, uint8_t byte);
void exo_board_can_frame(exo_board_t *board, const exo_can_frame_t *frame);
void exo_board_poll(exo_board_t *board);
void exo_board_log(exo_board_t *board, uint8_t level, const char *text);

#endif
