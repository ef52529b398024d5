#include "exo_sample.h"

#include "exo_bytes.h"

size_t exo_encode_sample(const exo_sample_t *m, uint8_t *body)
{
    if (m->channels < 1 || m->channels > EXO_MAX_CHANNELS) {
        return 0;
    }
    uint8_t *p = body;
    *p++ = EXO_SAMPLE_TYPE;
    p = exo_put_u32(p, m->seq);
    p = exo_put_u32(p, m->device_us);
    p = exo_put_u8(p, m->inputs);
    p = exo_put_u8(p, (uint8_t)(m->channels | (m->is_wide ? EXO_FORM_WIDE : 0)));
    for (uint8_t i = 0; i < m->channels; i++) {
        if (m->is_wide) {
            p = exo_put_u32(p, m->counts[i]);
        } else if (m->counts[i] > 0xFFFFu) {
            return 0;
        } else {
            p = exo_put_u16(p, (uint16_t)m->counts[i]);
        }
    }
    p = exo_put_bytes(p, m->states, m->channels);
    return (size_t)(p - body);
}

bool exo_decode_sample(const uint8_t *body, size_t size, exo_sample_t *m)
{
    if (size < EXO_SAMPLE_HEAD || body[0] != EXO_SAMPLE_TYPE) {
        return false;
    }
    m->seq = exo_get_u32(body + 1);
    m->device_us = exo_get_u32(body + 5);
    m->inputs = body[9];
    m->channels = body[10] & 0x7Fu;
    m->is_wide = (body[10] & EXO_FORM_WIDE) != 0;
    const size_t width = m->is_wide ? 4 : 2;
    if (m->channels < 1 || m->channels > EXO_MAX_CHANNELS || size != EXO_SAMPLE_HEAD + m->channels * (width + 1)) {
        return false;
    }
    const uint8_t *p = body + EXO_SAMPLE_HEAD;
    for (uint8_t i = 0; i < m->channels; i++, p += width) {
        m->counts[i] = m->is_wide ? exo_get_u32(p) : exo_get_u16(p);
    }
    exo_get_bytes(p, m->channels, m->states);
    return true;
}
