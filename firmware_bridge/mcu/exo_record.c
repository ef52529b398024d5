#include "exo_record.h"

#include "exo_bytes.h"
#include "exo_frame.h"

/* magic u32 | number u32 | data | CRC-32 of all before it | filled with 0xFF to a whole flash unit */

static size_t padded_size(size_t size)
{
    const size_t whole = EXO_RECORD_HEAD + size + 4;
    return (whole + EXO_FLASH_UNIT - 1) / EXO_FLASH_UNIT * EXO_FLASH_UNIT;
}

static bool load_copy(exo_area_t area, uint32_t magic, uint8_t *raw, size_t size)
{
    exo_hal_flash_read(area, 0, raw, EXO_RECORD_HEAD + size + 4);
    return exo_get_u32(raw) == magic && exo_check_crc(raw, EXO_RECORD_HEAD + size + 4);
}

bool exo_record_load(exo_record_t *record, uint8_t *data, size_t size)
{
    uint8_t raw[EXO_RECORD_MAX + EXO_RECORD_HEAD + 4 + EXO_FLASH_UNIT];
    bool is_found = false;
    record->number = 0;
    record->newest = 1;
    for (uint8_t i = 0; i < 2; i++) {
        if (load_copy(record->areas[i], record->magic, raw, size)) {
            const uint32_t number = exo_get_u32(raw + 4);
            if (!is_found || (int32_t)(number - record->number) > 0) {
                record->number = number;
                record->newest = i;
                memcpy(data, raw + EXO_RECORD_HEAD, size);
                is_found = true;
            }
        }
    }
    return is_found;
}

bool exo_record_save(exo_record_t *record, const uint8_t *data, size_t size)
{
    uint8_t raw[EXO_RECORD_MAX + EXO_RECORD_HEAD + 4 + EXO_FLASH_UNIT];
    const uint8_t target = record->newest ^ 1u;
    memset(raw, 0xFF, sizeof raw);
    exo_put_u32(raw, record->magic);
    exo_put_u32(raw + 4, record->number + 1);
    memcpy(raw + EXO_RECORD_HEAD, data, size);
    exo_add_crc(raw, EXO_RECORD_HEAD + size);
    if (!exo_hal_flash_erase(record->areas[target], 0) ||
        !exo_hal_flash_write(record->areas[target], 0, raw, padded_size(size)) ||
        !load_copy(record->areas[target], record->magic, raw, size)) {
        return false;
    }
    record->number++;
    record->newest = target;
    return true;
}
