/* Fuzz target: a whole board of the C reference on memory flash, from its first start. An input is a script: one byte for
   the link (and 0x80 for a boot loader), then steps of number, size, data (see `enum step`; seeds.py writes such scripts). Nothing is kept from one
   input to the next, so that what breaks it breaks it again. Broken promises of the board abort.
   With clang: -fsanitize=fuzzer,address,undefined. With gcc: define EXO_FUZZ_MAIN for the drivers below:
   exo_fuzz FILE... runs these inputs; exo_fuzz --random SEED INPUTS damages right scripts at random. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exo_board.h"
#include "exo_sha256.h"

enum { PAGE = 1024, SLOT_PAGES = 6, CHANNELS = 5, PARAMS = 3, MOST_STEPS = 200 };
enum step { STEP_RAW, STEP_BODY, STEP_PAUSE, STEP_ENCODERS, STEP_POWER, STEP_FLASH_FAILS, STEP_LINE_FULL, STEPS };

static uint8_t flash[(4 + 2 * SLOT_PAGES) * PAGE];
static exo_board_t board;
static exo_can_t host; /* the other end of a CAN bus */
static uint32_t now_us;
static bool is_reboot_asked;
static bool is_running; /* the application, not the boot loader */
static uint8_t encoder_fault;
static unsigned flash_failures;
static unsigned line_refusals;
static uint64_t sent;
static uint64_t confirmed;
static exo_frame_reader_t host_reader;

static void fail(const char *promise)
{
    fprintf(stderr, "broken: %s\n", promise);
    abort();
}

static const exo_channel_t channels[CHANNELS] = {
    {0, 0, 1, 0, 4096, -100, 100, "a"}, {1, 1, -1, 0, 4096, -100, 100, "b"}, {2, 2, 1, 0, 4096, -100, 100, "c"},
    {3, 3, 1, 0, 4096, -100, 100, "d"}, {4, 0, 0, 0, 4096, -100, 100, "e"},
};
static const exo_param_t params[PARAMS] = {
    {0, EXO_PARAM_KIND_U32, 0, 0, 0, 1, 100, 10, "u", "ms"},
    {1, EXO_PARAM_KIND_I32, 0, 0, 0, (uint32_t)-5, 5, 0, "i", ""},
    {2, EXO_PARAM_KIND_F32, 0, 0, 0, 0xC1200000u, 0x41200000u, 0, "f", ""},
};
static exo_config_t config = {.serial_number = "FUZZ", .make = "fuzz", .board = "fuzz", .channels = channels,
                              .channel_count = CHANNELS, .count_bytes = 2, .inputs = 12, .max_rate_hz = 4000,
                              .params = params, .param_count = PARAMS, .node = 1};

uint32_t exo_hal_micros(void) { return now_us += 7; }
uint8_t exo_hal_read_channel(uint8_t channel, uint32_t *counts)
{
    *counts = now_us;
    return ((unsigned)encoder_fault >> channel & 1u) != 0 ? EXO_SAMPLE_STATUS_MISSING : EXO_SAMPLE_STATUS_OK;
}
/* A byte for the channels (bits 0 to 4) and the switches: 5 pressed through, 6 middle, 7 emergency stop. */
uint8_t exo_hal_read_inputs(void) { return (uint8_t)(encoder_fault >> 6 | (encoder_fault & 0x20u) << 1); }
int16_t exo_hal_temperature_cdeg(void) { return 0; }
uint16_t exo_hal_supply_mv(void) { return 0; }
void exo_hal_reboot(void) { is_reboot_asked = true; }

/* What the host reads: whole frames of known messages, no longer than the wire allows. */
static void judge_line(uint8_t byte)
{
    const uint32_t bad = host_reader.bad;
    const size_t size = exo_frame_feed(&host_reader, byte);
    if (host_reader.bad != bad) {
        fail("every frame of the board is whole");
    }
    if (size != 0 && host_reader.data[0] < 0x80) {
        fail("a board sends messages of boards only");
    }
    enum { BOTH = EXO_INPUT_ENABLE | EXO_INPUT_ENABLE_THROUGH };
    if (size > EXO_SAMPLE_HEAD && host_reader.data[0] == EXO_SAMPLE_TYPE && (host_reader.data[9] & BOTH) == BOTH) {
        fail("an enable switch pressed through is not in its middle");
    }
}

bool exo_hal_serial_write(const uint8_t *data, size_t size)
{
    if (line_refusals != 0) {
        line_refusals--;
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        judge_line(data[i]);
    }
    sent += size;
    return true;
}
bool exo_hal_can_write(const exo_can_frame_t *frame)
{
    if (line_refusals != 0) {
        line_refusals--;
        return false;
    }
    if (frame->id > 0x7FF || (frame->id & 15u) != config.node || frame->size > (config.link == EXO_LINK_CAN_FD ? 64 : 8)) {
        fail("a board sends frames of its own node, no longer than its bus allows");
    }
    sent += frame->size;
    exo_can_feed(&host, frame, now_us);
    return true;
}
uint32_t exo_hal_page_size(exo_area_t area) { (void)area; return PAGE; }
uint32_t exo_hal_area_size(exo_area_t area) { return area >= EXO_AREA_SLOT_0 ? SLOT_PAGES * PAGE : PAGE; }
static uint8_t *address(exo_area_t area, uint32_t offset)
{
    const uint32_t pages = area == EXO_AREA_SLOT_1 ? 4 + SLOT_PAGES : (uint32_t)area;
    return flash + pages * PAGE + offset;
}
static bool flash_takes(exo_area_t area)
{
    if (is_running && area == (board.update.running == 0 ? EXO_AREA_SLOT_0 : EXO_AREA_SLOT_1)) {
        fail("the running slot is never touched");
    }
    if (flash_failures != 0) {
        flash_failures--;
        return false;
    }
    return true;
}
bool exo_hal_flash_erase(exo_area_t area, uint32_t page)
{
    if ((page + 1) * PAGE > exo_hal_area_size(area)) {
        fail("a page is erased within its area");
    }
    if (!flash_takes(area)) {
        return false;
    }
    memset(address(area, page * PAGE), 0xFF, PAGE);
    return true;
}
bool exo_hal_flash_write(exo_area_t area, uint32_t offset, const uint8_t *data, size_t size)
{
    static const uint8_t zeros[EXO_FLASH_UNIT];
    if (offset % EXO_FLASH_UNIT != 0 || size % EXO_FLASH_UNIT != 0 || offset + size > exo_hal_area_size(area)) {
        fail("writes are whole units within their area");
    }
    for (size_t at = 0; at < size; at += EXO_FLASH_UNIT) {
        for (size_t i = at; i < at + EXO_FLASH_UNIT; i++) {
            if (*address(area, offset + (uint32_t)i) != 0xFF && memcmp(data + at, zeros, EXO_FLASH_UNIT) != 0) {
                fail("a unit is written once per erase, but for zeros");
            }
        }
    }
    if (!flash_takes(area)) {
        memset(address(area, offset), 0, size == 0 ? 0 : EXO_FLASH_UNIT / 2); /* half of a unit */
        return false;
    }
    memcpy(address(area, offset), data, size);
    return true;
}
void exo_hal_flash_read(exo_area_t area, uint32_t offset, uint8_t *data, size_t size)
{
    if (offset + size > exo_hal_area_size(area)) {
        fail("reads are within their area");
    }
    memcpy(data, address(area, offset), size);
}

/* An image of one byte in slot 0, so that the board starts. */
static void factory(void)
{
    exo_sha256_t hash;
    exo_image_header_t header = {.magic = 0x494F5845, .header_version = 1, .header_size = 80, .board = "fuzz",
                                 .version = "0", .image_size = 1};
    uint8_t byte = 0;
    memset(flash, 0xFF, sizeof flash);
    exo_sha256_begin(&hash);
    exo_sha256_add(&hash, &byte, 1);
    exo_sha256_end(&hash, header.sha256);
    header.image_crc32 = exo_crc32(0, &byte, 1);
    exo_encode_image_header(&header, address(EXO_AREA_SLOT_0, 0));
    address(EXO_AREA_SLOT_0, 2 * PAGE)[0] = byte;
}

static void feed_body(const uint8_t *data, size_t size)
{
    uint8_t body[EXO_MAX_BODY];
    uint8_t frame[EXO_MAX_FRAME + 1];
    if (size > EXO_MAX_BODY - 4) {
        size = EXO_MAX_BODY - 4;
    }
    memcpy(body, data, size);
    const size_t frame_size = exo_frame_encode(body, size, frame);
    for (size_t i = 0; i < frame_size; i++) {
        exo_board_byte(&board, frame[i]);
    }
}

static bool to_board(void *context, const exo_can_frame_t *frame)
{
    (void)context;
    exo_board_can_frame(&board, frame);
    return true;
}

/* The body through ISO-TP, or its own identifier, as a real host sends it. */
static void feed_can_body(const uint8_t *data, size_t size)
{
    uint8_t body[EXO_MAX_BODY];
    if (size > EXO_MAX_BODY - 4) {
        size = EXO_MAX_BODY - 4;
    }
    memcpy(body, data, size);
    exo_can_send(&host, body, size, to_board, NULL);
    for (int i = 0; i < 80; i++) {
        exo_can_poll(&host, now_us, to_board, NULL);
        exo_board_poll(&board);
    }
}

/* One frame of a CAN bus: function, then data. */
static void feed_frame(const uint8_t *data, size_t size)
{
    exo_can_frame_t frame;
    if (size == 0) {
        return;
    }
    frame.id = (uint16_t)((data[0] & 0x7Fu) << 4 | 1u);
    frame.size = (uint8_t)(size - 1 > 64 ? 64 : size - 1);
    memcpy(frame.data, data + 1, frame.size);
    exo_board_can_frame(&board, &frame);
}

static void start(void)
{
    is_running = false;
    is_reboot_asked = false;
    exo_update_t loader;
    if (config.has_boot_loader && !exo_update_boot(&loader)) {
        fail("a boot loader finds an image whatever came over the line");
    }
    if (!exo_board_start(&board, &config)) {
        fail("a board starts again whatever came over its line");
    }
    is_running = true;
}

static void take_step(unsigned step, const uint8_t *data, size_t size)
{
    const bool is_serial = config.link == EXO_LINK_SERIAL;
    switch (step) {
    case STEP_RAW:
        for (size_t i = 0; is_serial && i < size; i++) {
            exo_board_byte(&board, data[i]);
        }
        if (!is_serial) {
            feed_frame(data, size);
        }
        break;
    case STEP_BODY:
        if (is_serial) {
            feed_body(data, size);
        } else {
            feed_can_body(data, size);
        }
        break;
    case STEP_PAUSE: /* ms, at most 1 s a step; long ones by their square */
        now_us += size == 0 ? 50 : size == 1 ? data[0] * 1000u : data[0] * data[0] * 1000u;
        break;
    case STEP_ENCODERS:
        encoder_fault = size != 0 ? data[0] : 0;
        break;
    case STEP_POWER:
        start();
        break;
    case STEP_FLASH_FAILS:
        flash_failures = size != 0 ? data[0] % 16u : 1;
        break;
    default:
        line_refusals = size != 0 ? data[0] % 16u : 1;
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    config.link = (exo_link_t)(data[0] % 3);
    config.has_boot_loader = (data[0] & 0x80u) != 0;
    now_us = 0xFFFF0000u; /* the clock wraps soon */
    encoder_fault = 0;
    flash_failures = line_refusals = 0;
    memset(&host_reader, 0, sizeof host_reader);
    exo_frame_reset(&host_reader);
    factory();
    exo_can_init(&host, 1, config.link == EXO_LINK_CAN_FD, false, (uint8_t)(data[0] / 3 % 4));
    start();
    size_t at = 1;
    for (int steps = 0; steps < MOST_STEPS && at + 2 <= size; steps++) {
        const unsigned step = data[at] % STEPS;
        size_t length = data[at + 1];
        at += 2;
        length = length < size - at ? length : size - at;
        const uint8_t was = board.update.state;
        take_step(step, data + at, length);
        at += length;
        exo_board_poll(&board);
        confirmed += was == EXO_UPDATE_STATE_TESTING && board.update.state == EXO_UPDATE_STATE_IDLE && step == STEP_BODY;
        if (is_reboot_asked) {
            start();
        }
    }
    return 0;
}

#ifdef EXO_FUZZ_MAIN
enum { MOST_FILES = 64, LONGEST = 2048 };
static uint8_t corpus[MOST_FILES][LONGEST];
static size_t sizes[MOST_FILES];
static unsigned files;
static uint64_t state;

static uint32_t dice(void)
{
    state ^= state << 13; /* xorshift64, Marsaglia 2003 */
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

static bool read_file(const char *path)
{
    FILE *file = files < MOST_FILES ? fopen(path, "rb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "exo_fuzz: %s cannot be read, or is one too many\n", path);
        return false;
    }
    sizes[files] = fread(corpus[files], 1, LONGEST, file);
    fclose(file);
    files++;
    return true;
}

/* A script of the corpus, damaged, or the beginning of one with the end of another. */
static size_t damaged(uint8_t *out)
{
    const uint32_t first = dice() % files;
    size_t size = sizes[first];
    memcpy(out, corpus[first], size);
    for (uint32_t edits = dice() % 4; edits > 0 && size > 1; edits--) {
        const size_t at = 1 + dice() % (size - 1);
        if (dice() % 4 == 0) {
            const uint32_t other = dice() % files;
            const size_t from = dice() % (sizes[other] + 1);
            const size_t room = LONGEST - at;
            const size_t part = sizes[other] - from < room ? sizes[other] - from : room;
            memcpy(out + at, corpus[other] + from, part);
            size = at + part;
        } else {
            out[at] = (uint8_t)(dice() % 2 == 0 ? dice() : out[at] ^ 1u << dice() % 8);
        }
    }
    return size;
}

int main(int count, char **words)
{
    static uint8_t input[LONGEST];
    const bool is_random = count > 3 && strcmp(words[1], "--random") == 0;
    const long inputs = is_random ? atol(words[3]) : 0;
    for (int i = is_random ? 4 : 1; i < count; i++) {
        if (!read_file(words[i])) {
            return 2;
        }
        LLVMFuzzerTestOneInput(corpus[files - 1], sizes[files - 1]);
    }
    state = 88172645463325252ull ^ (uint64_t)(is_random ? atol(words[2]) : 1);
    for (long n = 0; n < inputs && files != 0; n++) {
        LLVMFuzzerTestOneInput(input, damaged(input));
    }
    printf("{\"inputs\": %ld, \"files\": %u, \"bytes_sent\": %llu, \"confirmed\": %llu}\n", inputs, files,
           (unsigned long long)sent, (unsigned long long)confirmed);
    return 0;
}
#endif
