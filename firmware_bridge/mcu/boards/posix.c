/* Example board: the whole reference on a POSIX system, as the emulators and tests run it.

   exo_board --flash FILE --shared FILE --factory IMAGE (--pty LINK | (--hub SOCKET | --can INTERFACE) --node N [--fd])
             --serial TEXT --channel NAME,KIND,SIGN,COUNTS_PER_TURN,LOWER_CDEG,UPPER_CDEG ... [--wide] [--inputs BITS]
             [--page-size BYTES] [--power-fails-at N] [--boot-loader]
   Prints `ready`; ends when its standard input ends. Leaves with 3 where no slot holds an image, 9 when power fails. */
#define _XOPEN_SOURCE 700
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <time.h>
#include <unistd.h>

#include "posix.h"

enum { IDLE_WAIT_US = 5000, WATCHDOG_US = 300000, MOST_BEHIND_US = 1000000 };
enum { PARAM_STALE_MS, PARAM_PRESS, PARAM_RELEASE, PARAM_TEMPERATURE, PARAM_LED, PARAM_NODE, PARAMS };

posix_shared_t *posix_shared;
static exo_board_t board;
static exo_channel_t channels[EXO_MAX_CHANNELS];
static bool is_reboot_asked;
static volatile sig_atomic_t is_ending;

static const exo_param_t params[PARAMS] = {
    {0, EXO_PARAM_KIND_U32, 0, 0, 0, 1, 100, 10, "stale_ms", "ms"},
    {1, EXO_PARAM_KIND_I32, 0, 0, 0, (uint32_t)-32768, 32767, 1500, "trigger_press", "counts"},
    {2, EXO_PARAM_KIND_I32, 0, 0, 0, (uint32_t)-32768, 32767, 1000, "trigger_release", "counts"},
    /* singles by their bits: -10.0, 10.0, 0.0 */
    {3, EXO_PARAM_KIND_F32, 0, 0, 0, 0xC1200000u, 0x41200000u, 0, "temp_offset", "C"},
    {4, EXO_PARAM_KIND_BOOL, 0, 0, 0, 0, 1, 1, "led", ""},
    {5, EXO_PARAM_KIND_U32, 0, 0, 0, 1, EXO_MAX_NODE, 1, "can_node", ""},
};

static exo_config_t config = {
    .make = "station", .board = "posix", .count_bytes = 2, .max_rate_hz = EXO_MAX_RATE_HZ, .params = params,
    .param_count = PARAMS, .serial_number = "EMU-0001", .channels = channels, .node = 1,
};

uint64_t posix_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

/* -- the hardware ------------------------------------------------------------------------------------------------ */

static bool is_time_held;
static uint32_t held_us;
static struct {
    uint64_t from_ns; /* the host's time since which it has run at `ppm` */
    double run_ns;    /* what it had run until then */
    int32_t ppm;
    uint32_t start_us;
    bool has_stepped;
} board_clock;

static void start_clock(void)
{
    board_clock.from_ns = posix_now_ns();
    board_clock.run_ns = 0.0;
    board_clock.ppm = posix_shared->clock_ppm;
    board_clock.start_us = posix_shared->clock_start_us;
    posix_shared->power_on_low = (uint32_t)board_clock.from_ns;
    posix_shared->power_on_high = (uint32_t)(board_clock.from_ns >> 32);
}

static double clock_run_ns(uint64_t now_ns)
{
    return board_clock.run_ns + (double)(now_ns - board_clock.from_ns) * (1.0 + board_clock.ppm * 1e-6);
}

uint32_t exo_hal_micros(void)
{
    if (is_time_held) {
        return held_us;
    }
    const uint64_t now_ns = posix_now_ns();
    if (posix_shared->clock_ppm != board_clock.ppm) { /* from now on: what it has run until now stays as it was */
        board_clock.run_ns = clock_run_ns(now_ns);
        board_clock.from_ns = now_ns;
        board_clock.ppm = posix_shared->clock_ppm;
    }
    if (posix_shared->clock_start_us != board_clock.start_us) {
        board_clock.start_us = posix_shared->clock_start_us;
        board_clock.has_stepped = true;
    }
    return (uint32_t)((uint64_t)clock_run_ns(now_ns) / 1000u) + board_clock.start_us;
}

uint8_t exo_hal_read_channel(uint8_t channel, uint32_t *counts)
{
    *counts = posix_shared->counts[channel];
    return (uint8_t)posix_shared->status[channel];
}

uint8_t exo_hal_read_inputs(void)
{
    return (uint8_t)posix_shared->inputs;
}

int16_t exo_hal_temperature_cdeg(void)
{
    return 2950;
}

uint16_t exo_hal_supply_mv(void)
{
    return 5010;
}

void exo_hal_reboot(void)
{
    is_reboot_asked = true;
}

/* -- the process ------------------------------------------------------------------------------------------------- */

static bool open_shared(const char *path)
{
    const int fd = open(path, O_RDWR);
    if (fd < 0) {
        return false;
    }
    void *mapped = mmap(NULL, sizeof *posix_shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    posix_shared = mapped;
    return mapped != MAP_FAILED && posix_shared->magic == POSIX_MAGIC;
}

static bool add_channel(const char *text)
{
    exo_channel_t *channel = &channels[config.channel_count];
    unsigned kind = 0;
    int sign = 0;
    unsigned long counts = 0;
    long lower = 0;
    long upper = 0;
    if (config.channel_count == EXO_MAX_CHANNELS ||
        sscanf(text, "%16[^,],%u,%d,%lu,%ld,%ld", channel->name, &kind, &sign, &counts, &lower, &upper) != 6) {
        return false;
    }
    channel->channel = config.channel_count++;
    channel->kind = (uint8_t)kind;
    channel->sign = (int8_t)sign;
    channel->counts_per_turn = (uint32_t)counts;
    channel->lower_cdeg = (int32_t)lower;
    channel->upper_cdeg = (int32_t)upper;
    return true;
}

typedef struct {
    const char *flash;
    const char *shared;
    const char *factory;
    const char *pty;
    const char *hub;
    const char *can;
    bool is_fd;
    uint32_t page_size;
    uint32_t power_fails_at;
} options_t;

static bool read_options(int count, char **words, options_t *options)
{
    for (int i = 1; i < count; i++) {
        const char *word = words[i];
        if (strcmp(word, "--fd") == 0) {
            options->is_fd = true;
            continue;
        }
        if (strcmp(word, "--boot-loader") == 0) {
            config.has_boot_loader = true;
            continue;
        }
        if (strcmp(word, "--wide") == 0) {
            config.count_bytes = 4;
            continue;
        }
        if (++i == count) {
            return false;
        }
        const char *value = words[i];
        if (strcmp(word, "--flash") == 0) {
            options->flash = value;
        } else if (strcmp(word, "--shared") == 0) {
            options->shared = value;
        } else if (strcmp(word, "--factory") == 0) {
            options->factory = value;
        } else if (strcmp(word, "--pty") == 0) {
            options->pty = value;
        } else if (strcmp(word, "--hub") == 0) {
            options->hub = value;
        } else if (strcmp(word, "--can") == 0) {
            options->can = value;
        } else if (strcmp(word, "--serial") == 0) {
            config.serial_number = value;
        } else if (strcmp(word, "--node") == 0) {
            config.node = (uint8_t)atoi(value);
        } else if (strcmp(word, "--inputs") == 0) {
            config.inputs = (uint8_t)atoi(value);
        } else if (strcmp(word, "--page-size") == 0) {
            options->page_size = (uint32_t)atoi(value);
        } else if (strcmp(word, "--power-fails-at") == 0) {
            options->power_fails_at = (uint32_t)atoi(value);
        } else if (strcmp(word, "--channel") != 0 || !add_channel(value)) {
            return false;
        }
    }
    return options->flash != NULL && options->shared != NULL && options->factory != NULL &&
           (options->pty != NULL) + (options->hub != NULL) + (options->can != NULL) == 1 && config.channel_count != 0;
}

static bool start(void)
{
    start_clock();
    posix_shared->starts++;
    posix_shared->rate_hz = 0;
    if (config.has_boot_loader) { /* a program of its own on a real chip: nothing but the flash is handed over */
        exo_update_t loader;
        if (!exo_update_boot(&loader)) {
            return false;
        }
    }
    return exo_board_start(&board, &config);
}

/* Firmware that hangs: an image that begins with HANG. Its watchdog restarts the board. */
static bool is_hung(void)
{
    uint8_t first[4];
    const exo_area_t area = board.update.running == 0 ? EXO_AREA_SLOT_0 : EXO_AREA_SLOT_1;
    exo_hal_flash_read(area, 2 * exo_hal_page_size(area), first, sizeof first);
    return memcmp(first, "HANG", sizeof first) == 0;
}

static uint32_t wait_us(void)
{
    if (board.rate_hz == 0) {
        return config.link == EXO_LINK_SERIAL || board.can.tp.queued == 0 ? IDLE_WAIT_US : 200;
    }
    const int32_t left = (int32_t)(board.due_us - exo_hal_micros());
    return left < 0 ? 0 : left > IDLE_WAIT_US ? IDLE_WAIT_US : (uint32_t)left;
}

/* The board's turn, and a row of the trace where it sent a sample. */
static void take_turn(void)
{
    const uint32_t before = board.stats.samples;
    const uint32_t seq = board.sample.seq;
    const uint32_t wrong = posix_happens(posix_shared->wrong_seq) ? posix_dice() : seq;
    board.sample.seq = wrong;
    exo_board_poll(&board);
    board.sample.seq = seq + (board.sample.seq - wrong);
    if (board.stats.samples != before && posix_shared->is_tracing != 0) {
        const uint32_t at = posix_shared->trace_count % POSIX_TRACE_ROWS;
        posix_shared->trace[at].seq = posix_shared->seq;
        posix_shared->trace[at].t_ns = posix_written_ns;
        posix_shared->trace_count++;
    }
    posix_shared->seq = board.sample.seq;
}

/* A microcontroller is never kept from its sample times, but this process is, by the machine that it runs on. So the
   times that were slept through are lived again, one by one, as if their frames had waited in the cable. The clock stands
   still through each turn: a time that passed within one would be taken for missed. A step of the clock is no sleep. */
static void catch_up(void)
{
    const uint32_t now_us = exo_hal_micros();
    const uint32_t late_us = now_us - board.due_us;
    is_time_held = true;
    if (!board_clock.has_stepped && board.rate_hz != 0 && late_us < 0x80000000u && late_us > posix_shared->late_us) {
        posix_shared->late_us = late_us;
    }
    if (!board_clock.has_stepped && late_us <= MOST_BEHIND_US) {
        while (board.rate_hz != 0 && (int32_t)(now_us - board.due_us) >= 0) {
            held_us = board.due_us;
            take_turn();
        }
    }
    held_us = now_us;
    take_turn();
    is_time_held = false;
    board_clock.has_stepped = false;
}

static int run(void)
{
    while (posix_link_wait(wait_us()) && !is_ending) {
        if (is_hung()) {
            if (exo_hal_micros() - board_clock.start_us > WATCHDOG_US && !start()) {
                return 3;
            }
            continue;
        }
        posix_link_read(&board);
        posix_shared->seq = board.sample.seq;
        catch_up();
        posix_link_poll();
        posix_shared->rate_hz = board.rate_hz;
        if (is_reboot_asked) {
            is_reboot_asked = false;
            if (!start()) {
                return 3;
            }
        }
    }
    return 0;
}

static bool open_link(const options_t *options)
{
    if (options->pty != NULL) {
        return posix_link_open_pty(options->pty);
    }
    return options->hub != NULL ? posix_link_open_hub(options->hub, options->is_fd)
                                : posix_link_open_can(options->can, options->is_fd);
}

static void end(int number)
{
    (void)number;
    is_ending = 1;
}

int main(int count, char **words)
{
    options_t options = {.page_size = 1024};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = end;
#ifdef __linux__
    prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
#endif
    sigaction(SIGTERM, &action, NULL);
    if (!read_options(count, words, &options)) {
        fprintf(stderr, "exo_board: wrong arguments; see the head of boards/posix.c\n");
        return 2;
    }
    config.link = options.pty != NULL ? EXO_LINK_SERIAL : options.is_fd ? EXO_LINK_CAN_FD : EXO_LINK_CAN;
    if (!open_shared(options.shared) ||
        !posix_flash_open(options.flash, options.page_size, options.power_fails_at) ||
        !posix_flash_factory(options.factory)) {
        fprintf(stderr, "exo_board: shared memory, flash or factory image cannot be used\n");
        return 2;
    }
    if (!start()) {
        fprintf(stderr, "exo_board: no slot holds a whole image\n");
        return 3;
    }
    if (!open_link(&options)) {
        perror("exo_board: link");
        return 2;
    }
    printf("ready\n");
    fflush(stdout);
    const int code = run();
    posix_link_close();
    return code;
}
