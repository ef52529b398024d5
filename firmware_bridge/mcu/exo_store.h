/* Parameters and recorded zeros: in RAM, checked against bounds, kept in flash when the host says so. */
#ifndef EXO_STORE_H
#define EXO_STORE_H

#include "exo_record.h"

typedef struct {
    const exo_param_t *params; /* names, kinds, bounds and defaults: constant */
    uint8_t param_count;
    uint8_t channels;
    uint32_t params_crc;     /* of names and kinds: values of other firmware's parameters are not taken */
    uint32_t dictionary_crc; /* of the channels: zeros of other channels are not taken */
    exo_record_t record;
    uint32_t values[EXO_MAX_PARAMS];
    uint32_t saved_values[EXO_MAX_PARAMS];
    bool is_recorded[EXO_MAX_CHANNELS];
    bool is_zero_saved[EXO_MAX_CHANNELS];
    uint32_t zeros[EXO_MAX_CHANNELS];
} exo_store_t;

/* Loads what is kept. False where something was kept but is not of these parameters: their defaults are in force. */
bool exo_store_open(exo_store_t *store, const exo_param_t *params, uint8_t param_count, uint8_t channels,
                    uint32_t dictionary_crc);

/* EXO_RESULT_OK, _NO_SUCH or _BAD_VALUE. */
uint8_t exo_store_set(exo_store_t *store, uint8_t param, uint32_t value);
/* False where there is no such parameter. */
bool exo_store_get(const exo_store_t *store, uint8_t param, exo_param_t *out);

void exo_store_record_zero(exo_store_t *store, uint8_t channel, uint32_t counts);
void exo_store_zero(const exo_store_t *store, uint8_t channel, exo_zero_t *out);

/* EXO_RESULT_OK or _FLASH. */
uint8_t exo_store_save(exo_store_t *store);

#endif
