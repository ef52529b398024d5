/* SAMPLE: all channels at one instant. */
#ifndef EXO_SAMPLE_H
#define EXO_SAMPLE_H

#include "exo_messages.h"

enum {
    EXO_INPUT_ENABLE = 1,
    EXO_INPUT_ESTOP = 2,
    EXO_INPUT_HAS_ENABLE = 4,
    EXO_INPUT_HAS_ESTOP = 8,
    EXO_INPUT_TRIGGER = 16,
    EXO_INPUT_HAS_TRIGGER = 32,
    EXO_INPUT_ENABLE_THROUGH = 64
};

enum { EXO_SAMPLE_HEAD = 11, EXO_FORM_WIDE = 0x80 };

typedef struct {
    uint32_t seq;
    uint32_t device_us;
    uint8_t inputs;
    uint8_t channels;
    bool is_wide;
    uint32_t counts[EXO_MAX_CHANNELS];
    /* EXO_SAMPLE_STATUS_* | age in ms << 4 (15: more) */
    uint8_t states[EXO_MAX_CHANNELS];
} exo_sample_t;

/* As the generated codecs: size of the body, 0 where a field is out of bounds. */
size_t exo_encode_sample(const exo_sample_t *m, uint8_t *body);
bool exo_decode_sample(const uint8_t *body, size_t size, exo_sample_t *m);

#endif
