/* NOR flash in a file: an erased byte is 0xFF, a unit is written once, and power may fail half-way. */
#define _XOPEN_SOURCE 700
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "posix.h"

enum { SLOT_PAGES = 2 + 128 };

static uint8_t *flash;
static uint32_t page_bytes;
static uint32_t operations;
static uint32_t fails_at;

static uint32_t pages_of(exo_area_t area)
{
    return area == EXO_AREA_SLOT_0 || area == EXO_AREA_SLOT_1 ? SLOT_PAGES : 1;
}

static uint8_t *address(exo_area_t area, uint32_t offset)
{
    uint32_t pages = 0;
    for (int i = 0; i < (int)area; i++) {
        pages += pages_of((exo_area_t)i);
    }
    return flash + (size_t)pages * page_bytes + offset;
}

bool posix_flash_open(const char *path, uint32_t page_size, uint32_t power_fails_at)
{
    struct stat status;
    page_bytes = page_size;
    fails_at = power_fails_at;
    const size_t size = (size_t)page_size * (4 + 2 * SLOT_PAGES);
    const int fd = open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || fstat(fd, &status) != 0) {
        return false;
    }
    const bool is_new = status.st_size == 0;
    if (is_new ? ftruncate(fd, (off_t)size) != 0 : (size_t)status.st_size != size) {
        close(fd);
        return false;
    }
    void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED) {
        return false;
    }
    flash = mapped;
    if (is_new) {
        memset(flash, 0xFF, size);
    }
    return true;
}

/* What the factory does once: the first image into slot 0. Nothing where a slot already holds something. */
bool posix_flash_factory(const char *image_path)
{
    uint8_t header[EXO_IMAGE_HEADER_SIZE];
    exo_image_header_t there;
    if (exo_decode_image_header(address(EXO_AREA_SLOT_0, 0), sizeof header, &there) ||
        exo_decode_image_header(address(EXO_AREA_SLOT_1, 0), sizeof header, &there)) {
        return true;
    }
    FILE *file = fopen(image_path, "rb");
    if (file == NULL) {
        return false;
    }
    const size_t room = (size_t)page_bytes * (SLOT_PAGES - 2);
    const bool is_read = fread(header, 1, sizeof header, file) == sizeof header;
    const size_t size = is_read ? fread(address(EXO_AREA_SLOT_0, 2 * page_bytes), 1, room, file) : 0;
    fclose(file);
    memcpy(address(EXO_AREA_SLOT_0, 0), header, sizeof header);
    return size != 0;
}

/* True: power fails in this operation; the caller does half of it, then dies. */
static bool fails_now(void)
{
    operations++;
    return operations == fails_at;
}

static void die(void)
{
    posix_link_close();
    _exit(9);
}

uint32_t exo_hal_page_size(exo_area_t area)
{
    (void)area;
    return page_bytes;
}

uint32_t exo_hal_area_size(exo_area_t area)
{
    return pages_of(area) * page_bytes;
}

bool exo_hal_flash_erase(exo_area_t area, uint32_t page)
{
    if (page >= pages_of(area)) {
        return false;
    }
    const bool is_last = fails_now();
    memset(address(area, page * page_bytes), 0xFF, is_last ? page_bytes / 2 : page_bytes);
    if (is_last) {
        die();
    }
    return true;
}

bool exo_hal_flash_write(exo_area_t area, uint32_t offset, const uint8_t *data, size_t size)
{
    static const uint8_t zeros[EXO_FLASH_UNIT];
    if (offset % EXO_FLASH_UNIT != 0 || size % EXO_FLASH_UNIT != 0 || offset + size > exo_hal_area_size(area)) {
        return false;
    }
    for (size_t at = 0; at < size; at += EXO_FLASH_UNIT) {
        uint8_t *unit = address(area, offset + (uint32_t)at);
        bool is_erased = true;
        for (size_t i = 0; i < EXO_FLASH_UNIT; i++) {
            is_erased = is_erased && unit[i] == 0xFF;
        }
        if (!is_erased && memcmp(data + at, zeros, EXO_FLASH_UNIT) != 0) {
            return false; /* a real one would raise its programming error */
        }
        const bool is_last = fails_now();
        memcpy(unit, data + at, is_last ? EXO_FLASH_UNIT / 2 : EXO_FLASH_UNIT);
        if (is_last) {
            die();
        }
    }
    return true;
}

void exo_hal_flash_read(exo_area_t area, uint32_t offset, uint8_t *data, size_t size)
{
    memcpy(data, address(area, offset), size);
}
