/* Fuzz target: a whole board of the C reference on memory flash, fed with whatever comes. With clang:
   -fsanitize=fuzzer,address,undefined. With gcc: define EXO_FUZZ_MAIN for the mutating driver below:
   exo_fuzz SEED INPUTS; prints how many inputs were run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exo_board.h"
#include "exo_sha256.h"

enum { PAGE = 1024, SLOT_PAGES = 6, CHANNELS = 5, PARAMS = 3, INPUTS_A_BOARD = 64 };

static uint8_t flash[(4 + 2 * SLOT_PAGES) * PAGE];
static exo_board_t board;
static exo_can_t host; /* the other end of a CAN bus */
static uint32_t now_us;
static uint32_t reboots;
static uint64_t sent;
static uint8_t line_check;

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
    return (now_us >> 12) % 17 == channel ? EXO_SAMPLE_STATUS_MISSING : EXO_SAMPLE_STATUS_OK;
}
uint8_t exo_hal_read_inputs(void) { return (now_us >> 14) & 3u; }
int16_t exo_hal_temperature_cdeg(void) { return 0; }
uint16_t exo_hal_supply_mv(void) { return 0; }
void exo_hal_reboot(void) { reboots++; }
bool exo_hal_serial_write(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        line_check = (uint8_t)(line_check ^ data[i]); /* every byte is read: the sanitizers see what was never written */
    }
    sent += size;
    return (now_us & 0x300u) != 0;
}
bool exo_hal_can_write(const exo_can_frame_t *frame)
{
    exo_can_feed(&host, frame, now_us);
    return exo_hal_serial_write(frame->data, frame->size);
}
uint32_t exo_hal_page_size(exo_area_t area) { (void)area; return PAGE; }
uint32_t exo_hal_area_size(exo_area_t area) { return area >= EXO_AREA_SLOT_0 ? SLOT_PAGES * PAGE : PAGE; }
static uint8_t *address(exo_area_t area, uint32_t offset)
{
    const uint32_t pages = area == EXO_AREA_SLOT_1 ? 4 + SLOT_PAGES : (uint32_t)area;
    return flash + pages * PAGE + offset;
}
bool exo_hal_flash_erase(exo_area_t area, uint32_t page)
{
    if ((page + 1) * PAGE > exo_hal_area_size(area)) {
        abort();
    }
    memset(address(area, page * PAGE), 0xFF, PAGE);
    return true;
}
bool exo_hal_flash_write(exo_area_t area, uint32_t offset, const uint8_t *data, size_t size)
{
    if (offset % EXO_FLASH_UNIT != 0 || size % EXO_FLASH_UNIT != 0 || offset + size > exo_hal_area_size(area)) {
        abort(); /* the reference itself broke the contract of the flash */
    }
    memcpy(address(area, offset), data, size);
    return true;
}
void exo_hal_flash_read(exo_area_t area, uint32_t offset, uint8_t *data, size_t size)
{
    if (offset + size > exo_hal_area_size(area)) {
        abort();
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
    for (int i = 0; i < 20; i++) {
        exo_can_poll(&host, now_us, to_board, NULL);
        exo_board_poll(&board);
    }
}

static void feed_frames(const uint8_t *data, size_t size)
{
    while (size > 2) {
        exo_can_frame_t frame;
        frame.id = (uint16_t)((data[0] & 0x7Fu) << 4 | 1u);
        frame.size = (uint8_t)(data[1] % 65u);
        if (frame.size > size - 2) {
            frame.size = (uint8_t)(size - 2);
        }
        memcpy(frame.data, data + 2, frame.size);
        exo_board_can_frame(&board, &frame);
        exo_board_poll(&board);
        data += 2 + frame.size;
        size -= 2u + frame.size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned inputs;
    if (size == 0) {
        return 0;
    }
    if (inputs++ % INPUTS_A_BOARD == 0) {
        factory();
        config.link = (exo_link_t)(inputs / INPUTS_A_BOARD % 3);
        exo_can_init(&host, 1, config.link == EXO_LINK_CAN_FD, false, (uint8_t)(inputs % 4));
        if (!exo_board_start(&board, &config)) {
            abort();
        }
    }
    if (config.link == EXO_LINK_SERIAL && (data[0] & 1u) != 0) {
        feed_body(data + 1, size - 1);
    } else if (config.link == EXO_LINK_SERIAL) {
        for (size_t i = 1; i < size; i++) {
            exo_board_byte(&board, data[i]);
        }
    } else if ((data[0] & 1u) != 0 && size > 1) {
        feed_can_body(data + 1, size - 1);
    } else {
        feed_frames(data + 1, size - 1);
    }
    now_us += (uint32_t)(data[0] >> 1) * 997u;
    exo_board_poll(&board);
    if (reboots != 0) {
        reboots = 0;
        if (!exo_board_start(&board, &config)) {
            abort(); /* a dead board */
        }
    }
    return 0;
}

#ifdef EXO_FUZZ_MAIN
static uint64_t state;

static uint32_t dice(void)
{
    state ^= state << 13; /* xorshift64, Marsaglia 2003 */
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

/* Bodies that get far, to be damaged. */
static size_t seed_input(uint8_t *out)
{
    static const uint8_t types[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A,
                                    0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x10, 0x11, 0x12, 0x13};
    const uint8_t type = types[dice() % sizeof types];
    exo_update_begin_t begin = {.consent = EXO_CONSENT};
    exo_update_data_t piece = {.offset = board.update.next_offset, .data_size = 8};
    exo_image_header_t header = {.magic = 0x494F5845, .header_version = 1, .header_size = 80, .board = "fuzz",
                                 .version = "1", .image_size = dice() % 5000};
    exo_reboot_t consent = {EXO_CONSENT};
    out[0] = (uint8_t)(dice() | 1u);
    switch (type) {
    case EXO_TYPE_UPDATE_BEGIN:
        exo_encode_image_header(&header, begin.header);
        return 1 + exo_encode_update_begin(&begin, out + 1);
    case EXO_TYPE_UPDATE_DATA:
        piece.data_size = (uint16_t)(dice() % 33 * 8);
        return 1 + exo_encode_update_data(&piece, out + 1);
    case EXO_TYPE_REBOOT:
        return 1 + exo_encode_reboot(&consent, out + 1);
    case EXO_TYPE_HOST_BEAT:
        out[1] = type;
        out[2] = 1;
        out[3] = 0;
        return 4;
    default:
        out[1] = type;
        for (size_t i = 2; i < 8; i++) {
            out[i] = (uint8_t)(dice() % 7 == 0 ? dice() : dice() % 6);
        }
        return 2 + dice() % 6;
    }
}

int main(int count, char **words)
{
    static uint8_t input[1024];
    const long inputs = count > 2 ? atol(words[2]) : 100000;
    state = 88172645463325252ull ^ (uint64_t)(count > 1 ? atol(words[1]) : 1);
    for (long n = 0; n < inputs; n++) {
        size_t size;
        if (dice() % 4 == 0) {
            size = 1 + dice() % (dice() % 8 == 0 ? 1000 : 80);
            for (size_t i = 0; i < size; i++) {
                input[i] = (uint8_t)dice();
            }
        } else {
            size = seed_input(input);
            for (uint32_t edits = dice() % 3; edits > 0; edits--) {
                input[1 + dice() % size] = (uint8_t)dice();
            }
            if (dice() % 16 == 0) {
                size = 1 + dice() % size;
            }
        }
        LLVMFuzzerTestOneInput(input, size);
    }
    printf("{\"inputs\": %ld, \"bytes_sent\": %llu, \"line_check\": %u}\n", inputs, (unsigned long long)sent, line_check);
    return 0;
}
#endif
