/* An emulated board on a POSIX system: what its three files share. */
#ifndef EXO_POSIX_H
#define EXO_POSIX_H

#include "exo_board.h"

enum { POSIX_TRACE_ROWS = 8192, POSIX_MAGIC = 0x534F5845 };

/* Shared memory: the encoders, switches and cables of the board, moved by the emulator; and what it may look at. The
   Python side has the same layout (drivers/emulators/exo_board.py). */
typedef struct {
    uint32_t magic;
    uint32_t inputs;
    /* faults of the cable to the host; probabilities of 65536 */
    uint32_t mute;
    uint32_t drop;
    uint32_t duplicate;
    uint32_t reorder;
    uint32_t flip;
    uint32_t cut;
    uint32_t delay_us;
    uint32_t jitter_us;
    /* a fault of the board's memory: samples that carry another number; of 65536 */
    uint32_t wrong_seq;
    /* the board's clock against the host's; both may change while it runs: a drift from then on, a step */
    int32_t clock_ppm;
    uint32_t clock_start_us;
    uint32_t is_tracing;
    /* written by the board */
    uint32_t trace_count;
    uint32_t frames_sent;
    uint32_t frames_dropped;
    uint32_t seq;
    uint32_t rate_hz;
    uint32_t is_host_open;
    uint32_t starts;
    uint32_t late_us; /* longest that this process slept through sample times, since somebody set it to 0 */
    uint32_t power_on_low; /* host's monotonic ns at which the board's clock stood at clock_start_us, as that was then */
    uint32_t power_on_high;
    uint32_t counts[EXO_MAX_CHANNELS];
    uint32_t status[EXO_MAX_CHANNELS];
    struct {
        uint64_t t_ns;
        uint64_t seq;
    } trace[POSIX_TRACE_ROWS];
} posix_shared_t;

extern posix_shared_t *posix_shared;
uint64_t posix_now_ns(void);
uint32_t posix_dice(void);
bool posix_happens(uint32_t of_65536);
extern uint64_t posix_written_ns; /* when the last frame was handed to the line */

/* posix_flash.c. Power fails in the middle of flash operation number `power_fails_at` (0: never). */
bool posix_flash_open(const char *path, uint32_t page_size, uint32_t power_fails_at);
bool posix_flash_factory(const char *image_path);

/* posix_link.c */
bool posix_link_open_pty(const char *link);
bool posix_link_open_hub(const char *socket_path, bool is_fd);
bool posix_link_open_can(const char *interface_name, bool is_fd); /* SocketCAN, Linux only */
void posix_link_close(void);
/* Waits until the host has sent something, standard input has ended, or `timeout_us`; false: end. */
bool posix_link_wait(uint32_t timeout_us);
void posix_link_read(exo_board_t *board);
/* Delayed frames that are due. */
void posix_link_poll(void);

#endif
