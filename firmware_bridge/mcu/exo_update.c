#include "exo_update.h"

#include "exo_bytes.h"
#include "exo_frame.h"
#include "exo_sha256.h"

/* A slot: page 0 the image's header; page 1 one flash unit a page, written when that page of the image is whole (so that
   an interrupted transfer goes on at the first page without a mark); from page 2 the image.
   Boot record: active u8 | state u8 | attempts u8 | 0 | boots u32. */
enum { BOOT_MAGIC = 0x42584F45, BOOT_SIZE = 8 };

static exo_area_t area_of(uint8_t slot)
{
    return slot == 0 ? EXO_AREA_SLOT_0 : EXO_AREA_SLOT_1;
}

static uint8_t other_slot(const exo_update_t *update)
{
    return update->running ^ 1u;
}

static bool save(exo_update_t *update, uint8_t active, uint8_t state, uint8_t attempts)
{
    uint8_t raw[BOOT_SIZE] = {active, state, attempts, 0, 0, 0, 0, 0};
    exo_put_u32(raw + 4, update->boots);
    if (!exo_record_save(&update->record, raw, sizeof raw)) {
        return false;
    }
    update->active = active;
    update->state = state;
    update->attempts = attempts;
    return true;
}

static uint32_t image_capacity(exo_area_t area)
{
    const uint32_t page = exo_hal_page_size(area);
    const uint32_t marks = page / EXO_FLASH_UNIT;
    const uint32_t pages = exo_hal_area_size(area) / page - 2;
    return (pages < marks ? pages : marks) * page;
}

static bool read_header(uint8_t slot, uint8_t raw[EXO_IMAGE_HEADER_SIZE], exo_image_header_t *header)
{
    exo_hal_flash_read(area_of(slot), 0, raw, EXO_IMAGE_HEADER_SIZE);
    return exo_decode_image_header(raw, EXO_IMAGE_HEADER_SIZE, header) &&
           header->image_size <= image_capacity(area_of(slot));
}

bool exo_update_is_whole(uint8_t slot, exo_image_header_t *header)
{
    uint8_t raw[EXO_IMAGE_HEADER_SIZE];
    uint8_t digest[32];
    uint8_t chunk[64];
    exo_sha256_t hash;
    uint32_t crc = 0;
    const exo_area_t area = area_of(slot);
    if (!read_header(slot, raw, header) || header->image_size == 0) {
        return false;
    }
    exo_sha256_begin(&hash);
    for (uint32_t at = 0; at < header->image_size; at += (uint32_t)sizeof chunk) {
        const size_t left = header->image_size - at;
        const size_t size = left < sizeof chunk ? left : sizeof chunk;
        exo_hal_flash_read(area, 2 * exo_hal_page_size(area) + at, chunk, size);
        exo_sha256_add(&hash, chunk, size);
        crc = exo_crc32(crc, chunk, size);
    }
    exo_sha256_end(&hash, digest);
    return crc == header->image_crc32 && memcmp(digest, header->sha256, sizeof digest) == 0;
}

static bool load(exo_update_t *update)
{
    uint8_t raw[BOOT_SIZE] = {0};
    memset(update, 0, sizeof *update);
    update->record.areas[0] = EXO_AREA_BOOT_A;
    update->record.areas[1] = EXO_AREA_BOOT_B;
    update->record.magic = BOOT_MAGIC;
    if (!exo_record_load(&update->record, raw, sizeof raw)) {
        return false;
    }
    update->active = raw[0] & 1u;
    update->state = raw[1];
    update->attempts = raw[2];
    update->boots = exo_get_u32(raw + 4);
    update->running = update->active;
    return true;
}

bool exo_update_join(exo_update_t *update)
{
    if (!load(update)) {
        return false;
    }
    if (update->state == EXO_UPDATE_STATE_TESTING) {
        update->running = other_slot(update);
    }
    update->has_rolled_back = update->state == EXO_UPDATE_STATE_ROLLED_BACK;
    return true;
}

bool exo_update_boot(exo_update_t *update)
{
    exo_image_header_t header;
    load(update);
    update->boots++;
    const uint8_t fresh = update->active ^ 1u;
    if (update->state == EXO_UPDATE_STATE_READY && exo_update_is_whole(fresh, &header)) {
        /* Written down BEFORE the new image runs: whatever it does, the next start goes back. */
        if (save(update, update->active, EXO_UPDATE_STATE_TESTING, 1)) {
            update->running = fresh;
            return true;
        }
    } else if (update->state == EXO_UPDATE_STATE_TESTING || update->state == EXO_UPDATE_STATE_READY) {
        update->has_rolled_back = true;
        save(update, update->active, EXO_UPDATE_STATE_ROLLED_BACK, update->attempts);
    } else {
        save(update, update->active, update->state, update->attempts);
    }
    if (exo_update_is_whole(update->running, &header)) {
        return true;
    }
    /* The confirmed image has rotted: anything whole is better than silence. */
    if (exo_update_is_whole(fresh, &header)) {
        update->running = fresh;
        save(update, fresh, EXO_UPDATE_STATE_ROLLED_BACK, 0);
        return true;
    }
    return false;
}

/* How far an interrupted transfer of this very header came: whole pages only. */
static uint32_t kept(exo_area_t area, uint32_t image_size)
{
    const uint32_t page = exo_hal_page_size(area);
    uint8_t mark[EXO_FLASH_UNIT];
    uint32_t at = 0;
    while (at < image_size) {
        exo_hal_flash_read(area, page + at / page * EXO_FLASH_UNIT, mark, sizeof mark);
        for (size_t i = 0; i < sizeof mark; i++) {
            if (mark[i] != 0) {
                return at;
            }
        }
        at += image_size - at < page ? image_size - at : page;
    }
    return image_size;
}

uint8_t exo_update_begin(exo_update_t *update, const uint8_t raw[EXO_IMAGE_HEADER_SIZE], const char *board)
{
    uint8_t there[EXO_IMAGE_HEADER_SIZE];
    exo_image_header_t old;
    exo_image_header_t header;
    const exo_area_t area = area_of(other_slot(update));
    if (update->state == EXO_UPDATE_STATE_TESTING) {
        return EXO_RESULT_BAD_STATE; /* the other slot holds the way back */
    }
    if (!exo_decode_image_header(raw, EXO_IMAGE_HEADER_SIZE, &header) || strcmp(header.board, board) != 0 ||
        header.image_size == 0 || header.image_size > image_capacity(area)) {
        return EXO_RESULT_BAD_IMAGE;
    }
    const bool is_same = read_header(other_slot(update), there, &old) && memcmp(there, raw, sizeof there) == 0;
    update->is_receiving = false;
    if (!(is_same && update->state == EXO_UPDATE_STATE_READY)) {
        if (update->state != EXO_UPDATE_STATE_IDLE && !save(update, update->active, EXO_UPDATE_STATE_IDLE, 0)) {
            return EXO_RESULT_FLASH;
        }
        if (!is_same && (!exo_hal_flash_erase(area, 0) || !exo_hal_flash_erase(area, 1) ||
                         !exo_hal_flash_write(area, 0, raw, EXO_IMAGE_HEADER_SIZE))) {
            return EXO_RESULT_FLASH;
        }
        update->is_receiving = true;
    }
    update->header = header;
    update->next_offset = kept(area, header.image_size);
    return EXO_RESULT_OK;
}

static bool mark_page(exo_area_t area, uint32_t page_number)
{
    static const uint8_t mark[EXO_FLASH_UNIT] = {0};
    return exo_hal_flash_write(area, exo_hal_page_size(area) + page_number * EXO_FLASH_UNIT, mark, sizeof mark);
}

static bool write_piece(exo_area_t area, uint32_t offset, const uint8_t *data, size_t size)
{
    const uint32_t base = 2 * exo_hal_page_size(area);
    const size_t whole = size / EXO_FLASH_UNIT * EXO_FLASH_UNIT;
    if (whole != 0 && !exo_hal_flash_write(area, base + offset, data, whole)) {
        return false;
    }
    if (whole == size) {
        return true;
    }
    uint8_t last[EXO_FLASH_UNIT];
    memset(last, 0xFF, sizeof last);
    memcpy(last, data + whole, size - whole);
    return exo_hal_flash_write(area, base + offset + (uint32_t)whole, last, sizeof last);
}

uint8_t exo_update_data(exo_update_t *update, uint32_t offset, const uint8_t *data, size_t size)
{
    const exo_area_t area = area_of(other_slot(update));
    const uint32_t page = exo_hal_page_size(area);
    if (!update->is_receiving) {
        return EXO_RESULT_BAD_STATE;
    }
    if (offset != update->next_offset) {
        return EXO_RESULT_BAD_OFFSET;
    }
    const uint32_t left = update->header.image_size - offset;
    if (size == 0 || size > left || (size != left && size % EXO_FLASH_UNIT != 0)) {
        return EXO_RESULT_BAD_LENGTH;
    }
    while (size != 0) {
        const uint32_t at = update->next_offset;
        const uint32_t room = page - at % page;
        const size_t part = size < room ? size : room;
        if ((at % page == 0 && !exo_hal_flash_erase(area, 2 + at / page)) || !write_piece(area, at, data, part)) {
            update->is_receiving = false; /* begin again: goes on at the last whole page */
            return EXO_RESULT_FLASH;
        }
        update->next_offset += (uint32_t)part;
        data += part;
        size -= part;
        if ((update->next_offset % page == 0 || update->next_offset == update->header.image_size) &&
            !mark_page(area, at / page)) {
            update->is_receiving = false;
            exo_hal_flash_erase(area, 0); /* so that the next try begins anew, on erased marks */
            return EXO_RESULT_FLASH;
        }
    }
    return EXO_RESULT_OK;
}

uint8_t exo_update_end(exo_update_t *update)
{
    exo_image_header_t header;
    if (update->state == EXO_UPDATE_STATE_READY) {
        return EXO_RESULT_OK;
    }
    if (!update->is_receiving || update->next_offset != update->header.image_size) {
        return EXO_RESULT_BAD_STATE;
    }
    update->is_receiving = false;
    if (!exo_update_is_whole(other_slot(update), &header)) {
        exo_hal_flash_erase(area_of(other_slot(update)), 0); /* so that the next try begins anew */
        return EXO_RESULT_BAD_IMAGE;
    }
    return save(update, update->active, EXO_UPDATE_STATE_READY, 0) ? EXO_RESULT_OK : EXO_RESULT_FLASH;
}

uint8_t exo_update_confirm(exo_update_t *update)
{
    if (update->state == EXO_UPDATE_STATE_IDLE) {
        return EXO_RESULT_OK; /* asked again: the answer was lost */
    }
    if (update->state != EXO_UPDATE_STATE_TESTING) {
        return EXO_RESULT_BAD_STATE;
    }
    return save(update, update->running, EXO_UPDATE_STATE_IDLE, 0) ? EXO_RESULT_OK : EXO_RESULT_FLASH;
}

uint8_t exo_update_abort(exo_update_t *update)
{
    if (update->state == EXO_UPDATE_STATE_TESTING) {
        return EXO_RESULT_BAD_STATE;
    }
    update->is_receiving = false;
    update->next_offset = 0;
    if (!save(update, update->active, EXO_UPDATE_STATE_IDLE, 0) ||
        !exo_hal_flash_erase(area_of(other_slot(update)), 0)) {
        return EXO_RESULT_FLASH;
    }
    return EXO_RESULT_OK;
}

void exo_update_status(const exo_update_t *update, bool is_idle, exo_update_status_t *out)
{
    uint8_t raw[EXO_IMAGE_HEADER_SIZE];
    exo_image_header_t header;
    memset(out, 0, sizeof *out);
    out->state = update->is_receiving ? EXO_UPDATE_STATE_RECEIVING : update->state;
    out->running_slot = update->running;
    out->attempts = update->attempts;
    if (update->is_receiving || update->state == EXO_UPDATE_STATE_READY) {
        out->next_offset = update->next_offset;
        out->image_size = update->header.image_size;
    }
    if (read_header(update->running, raw, &header)) {
        memcpy(out->running_version, header.version, sizeof out->running_version);
    }
    if (is_idle && exo_update_is_whole(other_slot(update), &header)) {
        memcpy(out->other_version, header.version, sizeof out->other_version);
    }
}
