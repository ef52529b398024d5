#include "exo_board.h"

#include <string.h>

#include "exo_board_parts.h"

static bool write_can(void *context, const exo_can_frame_t *frame)
{
    (void)context;
    return exo_hal_can_write(frame);
}

/* Sends board->body. */
void exo_board_send(exo_board_t *board, size_t size)
{
    bool is_sent = false;
    if (size != 0 && board->config->link == EXO_LINK_SERIAL) {
        const size_t frame_size = exo_frame_encode(board->body, size, board->frame);
        is_sent = exo_hal_serial_write(board->frame, frame_size);
    } else if (size != 0) {
        is_sent = exo_can_send(&board->can, board->body, size, write_can, NULL);
    }
    board->stats.tx_dropped += !is_sent;
}

void exo_board_acknowledge(exo_board_t *board, uint8_t request, uint8_t result, uint32_t detail)
{
    const exo_ack_t ack = {.request = request, .result = result, .detail = detail};
    exo_board_send(board, exo_encode_ack(&ack, board->body));
}

void exo_board_report(exo_board_t *board, uint16_t code, uint8_t channel, bool is_active, uint32_t detail)
{
    const exo_fault_t fault = {.code = code, .channel = channel, .is_active = is_active, .detail = detail};
    if (board->is_host_heard) {
        exo_board_send(board, exo_encode_fault(&fault, board->body));
    }
}

void exo_board_log(exo_board_t *board, uint8_t level, const char *text)
{
    exo_log_t *line = &board->log[board->log_number % EXO_LOG_LINES];
    memset(line, 0, sizeof *line);
    line->number = board->log_number++;
    line->device_us = exo_hal_micros();
    line->level = level;
    for (size_t i = 0; i < EXO_MAX_LOG_TEXT && text[i] != '\0'; i++) {
        line->text[i] = text[i];
    }
    if (board->is_host_heard) {
        exo_board_send(board, exo_encode_log(line, board->body));
    }
}

/* -- start ------------------------------------------------------------------------------------------------------- */

static uint32_t crc_of_dictionary(exo_board_t *board)
{
    uint32_t crc = 0;
    for (uint8_t i = 0; i < board->config->channel_count; i++) {
        const size_t size = exo_encode_channel(&board->config->channels[i], board->body);
        crc = exo_crc32(crc, board->body + 1, size - 1);
    }
    return crc;
}

bool exo_board_start(exo_board_t *board, const exo_config_t *config)
{
    exo_update_status_t status;
    memset(board, 0, sizeof *board);
    board->config = config;
    board->last_us = exo_hal_micros();
    board->sample.channels = config->channel_count;
    board->sample.is_wide = config->count_bytes == 4;
    for (uint8_t i = 0; i < config->channel_count; i++) {
        board->fault_ms[i] = 0u - EXO_FAULT_EVERY_MS; /* the first fault is told at once */
    }
    exo_frame_reset(&board->reader);
    if (config->link != EXO_LINK_SERIAL) {
        exo_can_init(&board->can, config->node, config->link == EXO_LINK_CAN_FD, true, 8);
    }
    board->dictionary_crc = crc_of_dictionary(board);
    if (!(config->has_boot_loader ? exo_update_join(&board->update) : exo_update_boot(&board->update))) {
        return false;
    }
    exo_update_status(&board->update, false, &status);
    memcpy(board->firmware, status.running_version, sizeof board->firmware);
    board->is_store_lost = !exo_store_open(&board->store, config->params, config->param_count, config->channel_count,
                                           board->dictionary_crc);
    exo_board_log(board, EXO_LOG_LEVEL_INFO, "started");
    if (board->is_store_lost) {
        exo_board_log(board, EXO_LOG_LEVEL_WARNING, "kept parameters or zeros are of other firmware: defaults");
    }
    if (board->update.has_rolled_back) {
        exo_board_log(board, EXO_LOG_LEVEL_WARNING, "the update was not confirmed: back to the image before it");
    }
    if (board->update.state == EXO_UPDATE_STATE_TESTING) {
        exo_board_log(board, EXO_LOG_LEVEL_INFO, "new image on trial: confirm it, or the next start goes back");
    }
    return true;
}

/* -- stream ------------------------------------------------------------------------------------------------------ */

void exo_board_stop_stream(exo_board_t *board)
{
    board->rate_hz = 0;
}

void exo_board_start_stream(exo_board_t *board, uint16_t rate_hz)
{
    board->update.is_receiving = false; /* work goes first; an update begins again where it was */
    board->rate_hz = rate_hz;
    board->due_us = exo_hal_micros();
    board->due_rest = 0;
    board->sample.seq = 0;
}

/* Reads one channel; a reading that is not good leaves the last good count in place, with its age and status. */
static uint8_t read_channel(exo_board_t *board, uint8_t channel, uint32_t now_us)
{
    uint32_t counts = 0;
    uint8_t status = exo_hal_read_channel(channel, &counts);
    if (status == EXO_SAMPLE_STATUS_OK) {
        board->sample.counts[channel] = board->sample.is_wide ? counts : counts & 0xFFFFu;
        board->good_us[channel] = now_us;
        board->is_old[channel] = false;
        board->is_seen[channel] = true;
        return EXO_SAMPLE_STATUS_OK;
    }
    board->stats.encoder_errors++;
    if (!board->is_seen[channel]) {
        return EXO_SAMPLE_STATUS_NEVER | 15u << 4;
    }
    uint32_t age_ms = (now_us - board->good_us[channel]) / 1000u;
    if (board->is_old[channel] || age_ms > 15) {
        board->is_old[channel] = true;
        age_ms = 15;
    }
    return (uint8_t)((status & 15u) | age_ms << 4);
}

static void watch_channel(exo_board_t *board, uint8_t channel, uint8_t status)
{
    if (status == board->reported[channel] || board->uptime_ms - board->fault_ms[channel] < EXO_FAULT_EVERY_MS) {
        return;
    }
    const bool was_active = board->reported[channel] != EXO_SAMPLE_STATUS_OK;
    const bool is_active = status != EXO_SAMPLE_STATUS_OK;
    board->faults = (uint16_t)(board->faults + is_active - was_active);
    board->reported[channel] = status;
    board->fault_ms[channel] = board->uptime_ms;
    exo_board_report(board, EXO_FAULT_CODE_ENCODER, channel, is_active, status);
}

/* A host that does not know the third position must not take it for the middle, whatever the contacts say. */
static uint8_t read_inputs(exo_board_t *board)
{
    enum { BOTH = EXO_INPUT_ENABLE | EXO_INPUT_ENABLE_THROUGH };
    uint8_t inputs = (uint8_t)(exo_hal_read_inputs() | board->config->inputs);
    if ((inputs & BOTH) == 0) {
        board->is_switch_reported = false;
    } else if ((inputs & BOTH) == BOTH) {
        inputs = (uint8_t)(inputs & ~EXO_INPUT_ENABLE);
        if (!board->is_switch_reported) {
            board->is_switch_reported = true;
            exo_board_log(board, EXO_LOG_LEVEL_ERROR, "enable switch: middle and pressed through at once: check it");
        }
    }
    return inputs;
}

static void take_sample(exo_board_t *board, uint32_t now_us)
{
    exo_sample_t *sample = &board->sample;
    sample->device_us = now_us;
    sample->inputs = read_inputs(board);
    for (uint8_t i = 0; i < sample->channels; i++) {
        sample->states[i] = read_channel(board, i, now_us);
    }
    exo_board_send(board, exo_encode_sample(sample, board->body));
    sample->seq++;
    board->stats.samples++;
    const uint32_t took_us = exo_hal_micros() - now_us;
    if (took_us > board->stats.loop_us) {
        board->stats.loop_us = took_us > 0xFFFFu ? 0xFFFFu : (uint16_t)took_us;
    }
    for (uint8_t i = 0; i < sample->channels; i++) {
        watch_channel(board, i, sample->states[i] & 15u);
    }
    const bool is_estop = (sample->inputs & EXO_INPUT_ESTOP) != 0;
    if (is_estop != board->is_estop_reported) {
        board->is_estop_reported = is_estop;
        board->faults = (uint16_t)(is_estop ? board->faults + 1 : board->faults - 1);
        exo_board_report(board, EXO_FAULT_CODE_ESTOP, 255, is_estop, 0);
    }
}

static void advance(exo_board_t *board)
{
    board->due_us += 1000000u / board->rate_hz;
    board->due_rest += 1000000u % board->rate_hz;
    if (board->due_rest >= board->rate_hz) {
        board->due_rest -= board->rate_hz;
        board->due_us++;
    }
}

static void poll_stream(exo_board_t *board, uint32_t now_us)
{
    if (board->rate_hz == 0 || (int32_t)(now_us - board->due_us) < 0) {
        return;
    }
    take_sample(board, now_us);
    advance(board);
    /* A sample time that has passed is skipped, never made up by a burst; its number is skipped too. */
    while ((int32_t)(now_us - board->due_us) >= 0) {
        advance(board);
        board->sample.seq++;
        board->stats.overruns++;
    }
}

void exo_board_byte(exo_board_t *board, uint8_t byte)
{
    const size_t size = exo_frame_feed(&board->reader, byte);
    if (size != 0) {
        exo_board_handle(board, board->reader.data, size);
    }
}

void exo_board_can_frame(exo_board_t *board, const exo_can_frame_t *frame)
{
    const size_t size = exo_can_feed(&board->can, frame, exo_hal_micros());
    if (size != 0) {
        exo_board_handle(board, board->can.body, size);
    }
}

/* -- main loop --------------------------------------------------------------------------------------------------- */

static void poll_beat(exo_board_t *board)
{
    if (!board->is_host_heard) {
        return;
    }
    if (board->uptime_ms - board->host_ms > EXO_HOST_SILENT_MS) {
        const bool is_streaming = board->rate_hz != 0;
        if (is_streaming) {
            exo_board_report(board, EXO_FAULT_CODE_HOST_SILENT, 255, true, 0);
            exo_board_stop_stream(board);
        }
        board->is_host_heard = false;
        if (is_streaming) {
            exo_board_log(board, EXO_LOG_LEVEL_WARNING, "host silent: streaming stopped");
        }
        return;
    }
    if (board->uptime_ms - board->beat_ms >= EXO_BEAT_MS) {
        board->beat_ms = board->uptime_ms;
        const exo_board_beat_t beat = {.token = board->token,
                                       .state = board->rate_hz != 0 ? EXO_BOARD_STATE_STREAMING
                                                : board->update.is_receiving ? EXO_BOARD_STATE_UPDATING
                                                                             : EXO_BOARD_STATE_IDLE,
                                       .faults = board->faults,
                                       .uptime_ms = board->uptime_ms};
        exo_board_send(board, exo_encode_board_beat(&beat, board->body));
    }
}

/* The answer has to leave first: a transmit buffer, or segments that wait for the host's flow control. */
static void poll_reboot(exo_board_t *board)
{
    const uint32_t waited_ms = board->uptime_ms - board->reboot_ms;
    const bool has_left = board->config->link == EXO_LINK_SERIAL || board->can.tp.queued == 0;
    if (board->is_reboot_due && waited_ms >= EXO_REBOOT_AFTER_MS && (has_left || waited_ms >= EXO_REBOOT_AT_LAST_MS)) {
        board->is_reboot_due = false;
        exo_hal_reboot();
    }
}

void exo_board_poll(exo_board_t *board)
{
    const uint32_t now_us = exo_hal_micros();
    board->part_ms_us += now_us - board->last_us;
    board->last_us = now_us;
    board->uptime_ms += board->part_ms_us / 1000u;
    board->part_ms_us %= 1000u;
    poll_stream(board, now_us);
    poll_beat(board);
    if (board->config->link != EXO_LINK_SERIAL) {
        exo_can_poll(&board->can, exo_hal_micros(), write_can, NULL);
    }
    poll_reboot(board);
    if (board->update.state == EXO_UPDATE_STATE_TESTING && board->uptime_ms > EXO_CONFIRM_WITHIN_MS &&
        board->rate_hz == 0) {
        exo_hal_reboot(); /* nobody vouched for this image: the next start goes back */
    }
}
