/* Firmware update: two slots; receive (resumable) -> verify -> try once -> confirm, or back to the old one.
   `exo_update_boot` is the boot loader's whole decision; the rest runs in the application. */
#ifndef EXO_UPDATE_H
#define EXO_UPDATE_H

#include "exo_record.h"

typedef struct {
    exo_record_t record;
    /* kept in the boot record */
    uint8_t active; /* the confirmed slot */
    uint8_t state;  /* EXO_UPDATE_STATE_*, never RECEIVING there */
    uint8_t attempts;
    uint32_t boots;
    /* since this start */
    uint8_t running;
    bool is_receiving;
    bool has_rolled_back; /* at this start */
    exo_image_header_t header; /* of the image being received */
    uint32_t next_offset;
} exo_update_t;

/* At every start, before anything else: decides which slot runs and writes down that it is being tried. False where
   neither slot holds a whole image. */
bool exo_update_boot(exo_update_t *update);

/* In an application that a boot loader has started: takes over what the loader's `exo_update_boot` decided. Calling that
   twice a start would take every image under test back at once. False where no loader has written a boot record. */
bool exo_update_join(exo_update_t *update);

/* True where the slot holds a whole image whose CRC and hash are right. */
bool exo_update_is_whole(uint8_t slot, exo_image_header_t *header);

/* EXO_RESULT_*. The caller has looked at consent, beat and streaming already. */
uint8_t exo_update_begin(exo_update_t *update, const uint8_t header[EXO_IMAGE_HEADER_SIZE], const char *board);
uint8_t exo_update_data(exo_update_t *update, uint32_t offset, const uint8_t *data, size_t size);
uint8_t exo_update_end(exo_update_t *update);
uint8_t exo_update_confirm(exo_update_t *update);
uint8_t exo_update_abort(exo_update_t *update);
/* Looks into the other slot (reads all of it: not while streaming) only where `is_idle`. */
void exo_update_status(const exo_update_t *update, bool is_idle, exo_update_status_t *out);

#endif
