/* What a board must provide: the whole of a port. All calls return at once; all are made from the main loop. */
#ifndef EXO_HAL_H
#define EXO_HAL_H

#include "exo_can.h"

/* Free-running microseconds, wrapping at 2^32. */
uint32_t exo_hal_micros(void);

/* Reads one encoder: EXO_SAMPLE_STATUS_OK and *counts, or what is wrong with it (then *counts is not used). */
uint8_t exo_hal_read_channel(uint8_t channel, uint32_t *counts);

/* EXO_INPUT_ENABLE, _ENABLE_THROUGH, _ESTOP, _TRIGGER as they are now, not debounced. Contacts that say stop are wired
   normally closed, so that a cut wire says it too: an emergency stop, open = EXO_INPUT_ESTOP; of an enable switch with
   three positions the contact that opens in the third, open = EXO_INPUT_ENABLE_THROUGH. EXO_INPUT_ENABLE is the middle
   position and nothing else; a switch without a contact of its own for the third never gives _ENABLE_THROUGH. */
uint8_t exo_hal_read_inputs(void);

/* Serial boards: takes a whole frame into the transmit buffer, or none of it (false). */
bool exo_hal_serial_write(const uint8_t *data, size_t size);

/* CAN boards: takes one frame into a FIFO that keeps their order, or not (false). */
bool exo_hal_can_write(const exo_can_frame_t *frame);

/* 0.01 degree C, -32768 without a sensor; mV, 0 where not measured. */
int16_t exo_hal_temperature_cdeg(void);
uint16_t exo_hal_supply_mv(void);

/* Flash. An erased byte reads 0xFF. Writes come in order within a page, at offsets and sizes that are multiples of
   EXO_FLASH_UNIT, each unit once per erase (a unit of zeros, as the update's marks are, may be written again). Power may fail inside any call. */
enum { EXO_FLASH_UNIT = 8 };
typedef enum {
    EXO_AREA_BOOT_A, /* one page each: two copies of the boot record */
    EXO_AREA_BOOT_B,
    EXO_AREA_STORE_A, /* two copies of parameters and zeros */
    EXO_AREA_STORE_B,
    EXO_AREA_SLOT_0, /* header page, mark page, image pages */
    EXO_AREA_SLOT_1,
    EXO_AREAS
} exo_area_t;
uint32_t exo_hal_page_size(exo_area_t area);
uint32_t exo_hal_area_size(exo_area_t area);
bool exo_hal_flash_erase(exo_area_t area, uint32_t page);
bool exo_hal_flash_write(exo_area_t area, uint32_t offset, const uint8_t *data, size_t size);
void exo_hal_flash_read(exo_area_t area, uint32_t offset, uint8_t *data, size_t size);

/* Restarts the board; may return (the restart then follows after the main loop's turn). */
void exo_hal_reboot(void);

#endif
