/* One record kept over power-off in two flash areas in turn: at every moment at least one whole copy stands. */
#ifndef EXO_RECORD_H
#define EXO_RECORD_H

#include "exo_hal.h"

enum { EXO_RECORD_HEAD = 8, EXO_RECORD_MAX = 640 };

typedef struct {
    exo_area_t areas[2];
    uint32_t magic;
    uint32_t number; /* of the newest copy; counts up */
    uint8_t newest;  /* which area holds it */
} exo_record_t;

/* Reads the newest whole copy of `size` bytes; false where there is none. */
bool exo_record_load(exo_record_t *record, uint8_t *data, size_t size);

/* Writes a new copy over the older one. False where the flash did not take it: the copy before it still stands. */
bool exo_record_save(exo_record_t *record, const uint8_t *data, size_t size);

#endif
