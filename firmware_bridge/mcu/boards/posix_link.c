/* The board's cable to the host: a pty, or a connection to the emulated CAN hub; with faults on demand. */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/can.h>
#include <linux/can/raw.h>
#include <net/if.h>
#endif

#include "posix.h"

enum { MOST_DELAYED = 2048, FRAME_ROOM = 512 };

/* struct can_frame and struct canfd_frame of linux/can.h, as the hub carries them */
typedef struct {
    uint32_t id;
    uint8_t length;
    uint8_t flags;
    uint8_t unused[2];
    uint8_t data[64];
} hub_frame_t;

uint64_t posix_written_ns;
static int line = -1;
static char link_path[256];
static bool is_hub;
static bool is_hub_fd;
static bool has_ended;
static uint8_t rest[FRAME_ROOM];
static size_t rest_size;
static uint8_t kept[FRAME_ROOM];
static size_t kept_size;
static struct {
    uint64_t due_ns;
    size_t size;
    uint8_t data[FRAME_ROOM];
} delayed[MOST_DELAYED];
static size_t delayed_first;
static size_t delayed_count;

bool posix_link_open_pty(const char *link)
{
    struct termios settings;
    char temporary[sizeof link_path + 8];
    line = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (line < 0 || grantpt(line) != 0 || unlockpt(line) != 0) {
        return false;
    }
    const char *name = ptsname(line);
    const int host_end = open(name, O_RDWR | O_NOCTTY);
    if (host_end < 0 || tcgetattr(host_end, &settings) != 0) {
        return false;
    }
    settings.c_iflag = 0;
    settings.c_oflag = 0;
    settings.c_lflag = 0;
    settings.c_cflag = (settings.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    tcsetattr(host_end, TCSANOW, &settings);
    close(host_end);
    snprintf(link_path, sizeof link_path, "%s", link);
    snprintf(temporary, sizeof temporary, "%s.new", link);
    unlink(temporary);
    return symlink(name, temporary) == 0 && rename(temporary, link) == 0;
}

bool posix_link_open_hub(const char *socket_path, bool is_fd)
{
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
    line = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    is_hub = true;
    is_hub_fd = is_fd;
    return line >= 0 && connect(line, (const struct sockaddr *)&address, sizeof address) == 0 &&
           fcntl(line, F_SETFL, O_NONBLOCK) == 0;
}

bool posix_link_open_can(const char *interface_name, bool is_fd)
{
#ifdef __linux__
    const int on = 1;
    struct sockaddr_can address;
    memset(&address, 0, sizeof address);
    address.can_family = AF_CAN;
    address.can_ifindex = (int)if_nametoindex(interface_name);
    line = socket(AF_CAN, SOCK_RAW, CAN_RAW);
    is_hub = true; /* the hub carries the kernel's own frames, so all else is alike */
    is_hub_fd = is_fd;
    return line >= 0 && address.can_ifindex != 0 &&
           setsockopt(line, SOL_CAN_RAW, CAN_RAW_FD_FRAMES, &on, sizeof on) == 0 &&
           bind(line, (const struct sockaddr *)&address, sizeof address) == 0 && fcntl(line, F_SETFL, O_NONBLOCK) == 0;
#else
    (void)interface_name;
    (void)is_fd;
    errno = ENOTSUP;
    return false;
#endif
}

/* The name, where it is still this board's: one that ends late must not take away that of the next. */
static void remove_own_link(void)
{
    char target[sizeof link_path];
    const ssize_t length = readlink(link_path, target, sizeof target - 1);
    const char *name = ptsname(line);
    if (length > 0 && name != NULL) {
        target[length] = '\0';
        if (strcmp(target, name) == 0) {
            unlink(link_path);
        }
    }
}

void posix_link_close(void)
{
    if (link_path[0] != '\0' && line >= 0) {
        remove_own_link();
    }
    if (line >= 0) {
        close(line);
        line = -1;
    }
}

static void sleep_us(uint32_t us)
{
    const struct timespec time = {.tv_sec = us / 1000000u, .tv_nsec = (long)(us % 1000000u) * 1000};
    nanosleep(&time, NULL);
}

static bool is_host_there(void)
{
    struct pollfd wait = {.fd = line, .events = POLLIN};
    return poll(&wait, 1, 0) >= 0 && (wait.revents & POLLHUP) == 0;
}

bool posix_link_wait(uint32_t timeout_us)
{
    const bool is_open = is_host_there();
    if (is_open != (posix_shared->is_host_open != 0)) {
        posix_shared->is_host_open = is_open;
        rest_size = 0;
        delayed_count = 0;
    }
    if (is_hub && !is_open) {
        return false;
    }
    if (!is_open) {
        sleep_us(timeout_us < 2000 ? timeout_us : 2000); /* with nobody there a pty is always readable */
        timeout_us = 0;
    }
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(STDIN_FILENO, &readable);
    if (is_open) {
        FD_SET(line, &readable);
    }
    long wait_ns = (long)timeout_us * 1000;
    if (delayed_count != 0) { /* a late frame leaves when it is due, not at the next sample */
        const int64_t due_ns = (int64_t)(delayed[delayed_first].due_ns - posix_now_ns());
        wait_ns = due_ns < 0 ? 0 : due_ns < wait_ns ? (long)due_ns : wait_ns;
    }
    const struct timespec time = {.tv_sec = 0, .tv_nsec = wait_ns};
    if (pselect(line + 1, &readable, NULL, NULL, &time, NULL) > 0 && FD_ISSET(STDIN_FILENO, &readable)) {
        char ignored[64];
        has_ended = read(STDIN_FILENO, ignored, sizeof ignored) <= 0;
    }
    return !has_ended;
}

static void read_hub(exo_board_t *board)
{
    hub_frame_t raw;
    exo_can_frame_t frame;
    ssize_t size;
    while ((size = recv(line, &raw, sizeof raw, 0)) > 0) {
        const uint8_t most = size > 16 ? 64 : 8;
        if ((raw.id & 0xE0000000u) != 0 || raw.id > 0x7FFu || raw.length > most) {
            continue; /* error, remote and extended frames are of others */
        }
        frame.id = (uint16_t)raw.id;
        frame.size = raw.length;
        memcpy(frame.data, raw.data, raw.length);
        exo_board_can_frame(board, &frame);
    }
    has_ended = has_ended || size == 0;
}

void posix_link_read(exo_board_t *board)
{
    uint8_t data[512];
    ssize_t size;
    if (is_hub) {
        read_hub(board);
        return;
    }
    while ((size = read(line, data, sizeof data)) > 0) {
        posix_shared->is_host_open = 1; /* it has opened the port since the wait looked */
        for (ssize_t i = 0; i < size; i++) {
            exo_board_byte(board, data[i]);
        }
    }
}

/* -- out: the whole of a frame, or none of it ---------------------------------------------------------------------- */

static bool write_line(const uint8_t *data, size_t size)
{
    if (is_hub) {
        return send(line, data, size, MSG_NOSIGNAL) == (ssize_t)size;
    }
    if (rest_size != 0) {
        const ssize_t more = write(line, rest, rest_size);
        if (more > 0) {
            memmove(rest, rest + more, rest_size - (size_t)more);
            rest_size -= (size_t)more;
        }
        if (rest_size != 0) {
            return false;
        }
    }
    const ssize_t sent = write(line, data, size);
    if (sent <= 0) {
        return false;
    }
    rest_size = size - (size_t)sent;
    memcpy(rest, data + sent, rest_size);
    return true;
}

uint32_t posix_dice(void)
{
    static uint32_t state = 2463534242u; /* xorshift32, Marsaglia 2003 */
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

bool posix_happens(uint32_t of_65536)
{
    return of_65536 != 0 && (posix_dice() >> 16) < of_65536;
}

static bool pass_on(const uint8_t *data, size_t size)
{
    const uint32_t delay_us = posix_shared->delay_us;
    if (delay_us == 0 && posix_shared->jitter_us == 0 && delayed_count == 0) {
        return write_line(data, size);
    }
    if (delayed_count == MOST_DELAYED) {
        return false;
    }
    const uint32_t jitter_us = posix_shared->jitter_us;
    const size_t slot = (delayed_first + delayed_count++) % MOST_DELAYED;
    delayed[slot].due_ns = posix_now_ns() + 1000ull * (delay_us + (jitter_us != 0 ? posix_dice() % jitter_us : 0));
    delayed[slot].size = size;
    memcpy(delayed[slot].data, data, size);
    return true;
}

void posix_link_poll(void)
{
    while (delayed_count != 0 && delayed[delayed_first].due_ns <= posix_now_ns()) {
        write_line(delayed[delayed_first].data, delayed[delayed_first].size);
        delayed_first = (delayed_first + 1) % MOST_DELAYED;
        delayed_count--;
    }
}

static bool transmit(const uint8_t *data, size_t size)
{
    uint8_t damaged[FRAME_ROOM];
    bool is_sent = true;
    if (posix_shared->mute != 0 || posix_shared->is_host_open == 0) {
        return false;
    }
    if (posix_happens(posix_shared->drop)) {
        return true;
    }
    memcpy(damaged, data, size);
    if (posix_happens(posix_shared->flip)) {
        const size_t first = is_hub ? 8 : 0;
        damaged[first + posix_dice() % (is_hub ? damaged[4] + 1u : size)] ^= (uint8_t)(1u << posix_dice() % 8);
    }
    if (!is_hub && posix_happens(posix_shared->cut)) {
        size = 1 + posix_dice() % size;
    }
    if (posix_happens(posix_shared->reorder) && kept_size == 0) {
        memcpy(kept, damaged, size);
        kept_size = size;
        return true;
    }
    is_sent = pass_on(damaged, size);
    if (posix_happens(posix_shared->duplicate)) {
        pass_on(damaged, size);
    }
    if (kept_size != 0) {
        pass_on(kept, kept_size);
        kept_size = 0;
    }
    return is_sent;
}

static bool counted(bool is_sent)
{
    if (is_sent) {
        posix_shared->frames_sent++;
    } else {
        posix_shared->frames_dropped++;
    }
    return is_sent;
}

bool exo_hal_serial_write(const uint8_t *data, size_t size)
{
    posix_written_ns = posix_now_ns();
    return counted(transmit(data, size));
}

bool exo_hal_can_write(const exo_can_frame_t *frame)
{
    hub_frame_t raw;
    memset(&raw, 0, sizeof raw);
    raw.id = frame->id;
    raw.length = frame->size;
    raw.flags = is_hub_fd ? 1 : 0; /* bit-rate switch */
    memcpy(raw.data, frame->data, frame->size);
    posix_written_ns = posix_now_ns();
    return counted(transmit((const uint8_t *)&raw, is_hub_fd ? 72 : 16));
}
