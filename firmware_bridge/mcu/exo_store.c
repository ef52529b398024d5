#include "exo_store.h"

#include "exo_bytes.h"
#include "exo_frame.h"

/* params_crc u32 | dictionary_crc u32 | values u32[64] | recorded bits u64 | zeros u32[64] */
enum { STORE_SIZE = 8 + 4 * EXO_MAX_PARAMS + 8 + 4 * EXO_MAX_CHANNELS, STORE_MAGIC = 0x53584F45 };

static uint32_t crc_of_params(const exo_param_t *params, uint8_t count)
{
    uint32_t crc = 0;
    for (uint8_t i = 0; i < count; i++) {
        crc = exo_crc32(crc, (const uint8_t *)params[i].name, sizeof params[i].name);
        crc = exo_crc32(crc, &params[i].kind, 1);
    }
    return crc;
}

/* Both not NaN: orders two IEEE 754 singles by their bits. */
static int32_t ordered(uint32_t bits)
{
    return (bits & 0x80000000u) != 0 ? -(int32_t)(bits & 0x7FFFFFFFu) : (int32_t)bits;
}

static bool is_within(const exo_param_t *param, uint32_t value)
{
    switch (param->kind) {
    case EXO_PARAM_KIND_U32:
    case EXO_PARAM_KIND_BOOL:
        return value >= param->lower && value <= param->upper;
    case EXO_PARAM_KIND_I32:
        return (int32_t)value >= (int32_t)param->lower && (int32_t)value <= (int32_t)param->upper;
    default: /* F32; an exponent of all ones is NaN or infinite */
        return (value & 0x7F800000u) != 0x7F800000u && ordered(value) >= ordered(param->lower) &&
               ordered(value) <= ordered(param->upper);
    }
}

bool exo_store_open(exo_store_t *store, const exo_param_t *params, uint8_t param_count, uint8_t channels,
                    uint32_t dictionary_crc)
{
    uint8_t raw[STORE_SIZE];
    memset(store, 0, sizeof *store);
    store->params = params;
    store->param_count = param_count;
    store->channels = channels;
    store->params_crc = crc_of_params(params, param_count);
    store->dictionary_crc = dictionary_crc;
    store->record.areas[0] = EXO_AREA_STORE_A;
    store->record.areas[1] = EXO_AREA_STORE_B;
    store->record.magic = STORE_MAGIC;
    for (uint8_t i = 0; i < param_count; i++) {
        store->values[i] = params[i].default_value;
        store->saved_values[i] = params[i].default_value;
    }
    if (!exo_record_load(&store->record, raw, sizeof raw)) {
        return true;
    }
    const bool is_params = exo_get_u32(raw) == store->params_crc;
    const bool is_dictionary = exo_get_u32(raw + 4) == dictionary_crc;
    const uint8_t *bits = raw + 8 + 4 * EXO_MAX_PARAMS;
    for (uint8_t i = 0; is_params && i < param_count; i++) {
        const uint32_t value = exo_get_u32(raw + 8 + 4 * i);
        if (is_within(&params[i], value)) {
            store->values[i] = value;
            store->saved_values[i] = value;
        }
    }
    for (uint8_t i = 0; is_dictionary && i < channels; i++) {
        store->is_recorded[i] = ((uint32_t)bits[i / 8] >> (i % 8) & 1u) != 0;
        store->is_zero_saved[i] = store->is_recorded[i];
        store->zeros[i] = exo_get_u32(bits + 8 + 4 * i);
    }
    return is_params && is_dictionary;
}

uint8_t exo_store_set(exo_store_t *store, uint8_t param, uint32_t value)
{
    if (param >= store->param_count) {
        return EXO_RESULT_NO_SUCH;
    }
    if (!is_within(&store->params[param], value)) {
        return EXO_RESULT_BAD_VALUE;
    }
    store->values[param] = value;
    return EXO_RESULT_OK;
}

bool exo_store_get(const exo_store_t *store, uint8_t param, exo_param_t *out)
{
    if (param >= store->param_count) {
        return false;
    }
    *out = store->params[param];
    out->param = param;
    out->value = store->values[param];
    out->is_saved = store->values[param] == store->saved_values[param];
    return true;
}

void exo_store_record_zero(exo_store_t *store, uint8_t channel, uint32_t counts)
{
    store->is_recorded[channel] = true;
    store->is_zero_saved[channel] = false;
    store->zeros[channel] = counts;
}

void exo_store_zero(const exo_store_t *store, uint8_t channel, exo_zero_t *out)
{
    out->channel = channel;
    out->is_recorded = store->is_recorded[channel];
    out->is_saved = store->is_zero_saved[channel];
    out->reserved = 0;
    out->counts = store->zeros[channel];
}

uint8_t exo_store_save(exo_store_t *store)
{
    uint8_t raw[STORE_SIZE];
    uint8_t *bits = raw + 8 + 4 * EXO_MAX_PARAMS;
    memset(raw, 0, sizeof raw);
    exo_put_u32(raw, store->params_crc);
    exo_put_u32(raw + 4, store->dictionary_crc);
    for (uint8_t i = 0; i < store->param_count; i++) {
        exo_put_u32(raw + 8 + 4 * i, store->values[i]);
    }
    for (uint8_t i = 0; i < store->channels; i++) {
        bits[i / 8] = (uint8_t)(bits[i / 8] | (store->is_recorded[i] ? 1u << (i % 8) : 0u));
        exo_put_u32(bits + 8 + 4 * i, store->zeros[i]);
    }
    if (!exo_record_save(&store->record, raw, sizeof raw)) {
        return EXO_RESULT_FLASH;
    }
    memcpy(store->saved_values, store->values, sizeof store->values);
    memcpy(store->is_zero_saved, store->is_recorded, sizeof store->is_recorded);
    return EXO_RESULT_OK;
}
