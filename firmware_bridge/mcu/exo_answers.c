/* What a board answers to each message of the host. */
#include "exo_board_parts.h"
#include "exo_bytes.h"

/* -- answers ----------------------------------------------------------------------------------------------------- */

static void answer_hello(exo_board_t *board)
{
    const exo_config_t *config = board->config;
    exo_hello_t hello;
    memset(&hello, 0, sizeof hello);
    hello.wire_version = EXO_WIRE_VERSION;
    exo_put_text((uint8_t *)hello.serial_number, config->serial_number, 16);
    exo_put_text((uint8_t *)hello.make, config->make, 16);
    exo_put_text((uint8_t *)hello.board, config->board, 16);
    memcpy(hello.firmware, board->firmware, sizeof hello.firmware);
    hello.channels = config->channel_count;
    hello.count_bytes = config->count_bytes;
    hello.inputs = config->inputs;
    hello.params = config->param_count;
    hello.max_rate_hz = config->max_rate_hz;
    hello.slot = board->update.running;
    hello.update_state = board->update.is_receiving ? EXO_UPDATE_STATE_RECEIVING : board->update.state;
    hello.dictionary_crc32 = board->dictionary_crc;
    hello.boots = board->update.boots;
    exo_board_send(board, exo_encode_hello(&hello, board->body));
}

static void answer_stats(exo_board_t *board)
{
    exo_stats_t *stats = &board->stats;
    stats->uptime_ms = board->uptime_ms;
    stats->rx_frames = board->config->link == EXO_LINK_SERIAL ? board->reader.received : board->can.received;
    const uint32_t bad = board->config->link == EXO_LINK_SERIAL ? board->reader.bad : board->can.bad + board->can.tp.bad;
    exo_stats_t out = *stats;
    out.rx_bad += bad;
    out.temperature_cdeg = exo_hal_temperature_cdeg();
    out.supply_mv = exo_hal_supply_mv();
    exo_board_send(board, exo_encode_stats(&out, board->body));
}

static void answer_param(exo_board_t *board, uint8_t request, uint8_t param)
{
    exo_param_t out;
    if (!exo_store_get(&board->store, param, &out)) {
        exo_board_acknowledge(board, request, EXO_RESULT_NO_SUCH, board->config->param_count);
        return;
    }
    exo_board_send(board, exo_encode_param(&out, board->body));
}

static void answer_zero(exo_board_t *board, uint8_t channel)
{
    exo_zero_t zero;
    exo_store_zero(&board->store, channel, &zero);
    exo_board_send(board, exo_encode_zero(&zero, board->body));
}

static void record_zero(exo_board_t *board, uint8_t channel)
{
    uint32_t counts = 0;
    if (exo_hal_read_channel(channel, &counts) != EXO_SAMPLE_STATUS_OK) {
        exo_board_acknowledge(board, EXO_TYPE_ZERO_RECORD, EXO_RESULT_BAD_STATE, channel);
        return;
    }
    exo_store_record_zero(&board->store, channel, board->sample.is_wide ? counts : counts & 0xFFFFu);
    answer_zero(board, channel);
}

static void answer_log(exo_board_t *board, uint32_t number)
{
    const uint32_t kept = board->log_number < EXO_LOG_LINES ? board->log_number : EXO_LOG_LINES;
    const uint32_t oldest = board->log_number - kept;
    if (number >= board->log_number) {
        exo_board_acknowledge(board, EXO_TYPE_LOG_GET, EXO_RESULT_NO_SUCH, board->log_number);
        return;
    }
    exo_board_send(board, exo_encode_log(&board->log[(number > oldest ? number : oldest) % EXO_LOG_LINES], board->body));
}

static void answer_update_status(exo_board_t *board)
{
    exo_update_status_t status;
    exo_update_status(&board->update, board->rate_hz == 0, &status);
    exo_board_send(board, exo_encode_update_status(&status, board->body));
}

/* -- update ------------------------------------------------------------------------------------------------------ */

/* What changes or restarts the board needs a resting arm, said so within the last second, and a person's yes. */
static uint8_t permit(const exo_board_t *board, uint32_t consent)
{
    if (consent != EXO_CONSENT) {
        return EXO_RESULT_NO_CONSENT;
    }
    if (board->rate_hz != 0) {
        return EXO_RESULT_STREAMING;
    }
    return !board->is_host_heard || board->is_arm_enabled ? EXO_RESULT_ARM_ENABLED : EXO_RESULT_OK;
}

static void finish_update_step(exo_board_t *board, uint8_t request, uint8_t result)
{
    if (result == EXO_RESULT_OK) {
        answer_update_status(board);
    } else {
        exo_board_acknowledge(board, request, result, 0);
    }
}

static bool handle_update(exo_board_t *board, const uint8_t *body, size_t size)
{
    uint8_t result;
    switch (body[0]) {
    case EXO_TYPE_UPDATE_BEGIN: {
        exo_update_begin_t m;
        if (!exo_decode_update_begin(body, size, &m)) {
            return false;
        }
        result = permit(board, m.consent);
        if (result == EXO_RESULT_OK) {
            result = exo_update_begin(&board->update, m.header, board->config->board);
        }
        finish_update_step(board, body[0], result);
        return true;
    }
    case EXO_TYPE_UPDATE_DATA: {
        exo_update_data_t m;
        if (!exo_decode_update_data(body, size, &m)) {
            return false;
        }
        result = permit(board, EXO_CONSENT);
        if (result == EXO_RESULT_OK) {
            result = exo_update_data(&board->update, m.offset, m.data, m.data_size);
        }
        exo_board_acknowledge(board, body[0], result, board->update.next_offset);
        return true;
    }
    case EXO_TYPE_UPDATE_END:
        if (!exo_decode_update_end(body, size)) {
            return false;
        }
        result = permit(board, EXO_CONSENT);
        finish_update_step(board, body[0], result == EXO_RESULT_OK ? exo_update_end(&board->update) : result);
        return true;
    case EXO_TYPE_UPDATE_CONFIRM: {
        exo_update_confirm_t m;
        if (!exo_decode_update_confirm(body, size, &m)) {
            return false;
        }
        result = permit(board, m.consent);
        const bool is_on_trial = board->update.state == EXO_UPDATE_STATE_TESTING;
        result = result == EXO_RESULT_OK ? exo_update_confirm(&board->update) : result;
        finish_update_step(board, body[0], result);
        if (is_on_trial && result == EXO_RESULT_OK) {
            exo_board_log(board, EXO_LOG_LEVEL_INFO, "new image confirmed");
        }
        return true;
    }
    case EXO_TYPE_UPDATE_ABORT:
        if (!exo_decode_update_abort(body, size)) {
            return false;
        }
        result = permit(board, EXO_CONSENT);
        finish_update_step(board, body[0], result == EXO_RESULT_OK ? exo_update_abort(&board->update) : result);
        return true;
    default:
        if (!exo_decode_update_get(body, size)) {
            return false;
        }
        answer_update_status(board);
        return true;
    }
}

/* -- messages ---------------------------------------------------------------------------------------------------- */

static void host_beat(exo_board_t *board, const exo_host_beat_t *beat)
{
    const bool was_heard = board->is_host_heard;
    board->is_host_heard = true;
    board->is_arm_enabled = beat->arm_enabled != 0;
    board->token = beat->token;
    board->host_ms = board->uptime_ms;
    if (!was_heard) {
        board->beat_ms = board->uptime_ms - EXO_BEAT_MS;
        if (board->is_store_lost) {
            exo_board_report(board, EXO_FAULT_CODE_PARAMS_LOST, 255, true, 0);
        }
        if (board->update.has_rolled_back) {
            exo_board_report(board, EXO_FAULT_CODE_ROLLED_BACK, 255, true, 0);
        }
    }
}

static bool handle_stream(exo_board_t *board, const uint8_t *body, size_t size)
{
    exo_stream_t m;
    if (!exo_decode_stream(body, size, &m)) {
        return false;
    }
    if (m.rate_hz > board->config->max_rate_hz) {
        exo_board_acknowledge(board, body[0], EXO_RESULT_BAD_VALUE, board->config->max_rate_hz);
        return true;
    }
    if (m.rate_hz == 0) {
        exo_board_stop_stream(board);
    }
    exo_board_acknowledge(board, body[0], EXO_RESULT_OK, m.rate_hz);
    if (m.rate_hz != 0) {
        exo_board_start_stream(board, m.rate_hz);
        board->is_host_heard = true;
        board->host_ms = board->uptime_ms;
    }
    return true;
}

static bool handle_store(exo_board_t *board, const uint8_t *body, size_t size)
{
    exo_param_get_t get;
    exo_param_set_t set;
    uint8_t result;
    switch (body[0]) {
    case EXO_TYPE_PARAM_GET:
        if (!exo_decode_param_get(body, size, &get)) {
            return false;
        }
        answer_param(board, body[0], get.param);
        return true;
    case EXO_TYPE_PARAM_SET:
        if (!exo_decode_param_set(body, size, &set)) {
            return false;
        }
        result = board->rate_hz != 0 ? EXO_RESULT_STREAMING : exo_store_set(&board->store, set.param, set.value);
        if (result == EXO_RESULT_OK) {
            answer_param(board, body[0], set.param);
        } else {
            exo_board_acknowledge(board, body[0], result, set.param);
        }
        return true;
    default:
        if (!exo_decode_param_save(body, size)) {
            return false;
        }
        exo_board_acknowledge(board, body[0], board->rate_hz != 0 ? EXO_RESULT_STREAMING : exo_store_save(&board->store), 0);
        return true;
    }
}

static bool handle_channel(exo_board_t *board, const uint8_t *body, size_t size)
{
    /* CHANNEL_GET, ZERO_GET and ZERO_RECORD have one layout: the channel. */
    exo_channel_get_t m;
    uint8_t copy[2];
    if (size != 2) {
        return false;
    }
    copy[0] = EXO_TYPE_CHANNEL_GET;
    copy[1] = body[1];
    if (!exo_decode_channel_get(copy, size, &m)) {
        return false;
    }
    if (m.channel >= board->config->channel_count) {
        exo_board_acknowledge(board, body[0], EXO_RESULT_NO_SUCH, board->config->channel_count);
    } else if (body[0] == EXO_TYPE_CHANNEL_GET) {
        exo_board_send(board, exo_encode_channel(&board->config->channels[m.channel], board->body));
    } else if (body[0] == EXO_TYPE_ZERO_RECORD) {
        record_zero(board, m.channel);
    } else {
        answer_zero(board, m.channel);
    }
    return true;
}

static bool handle_time(exo_board_t *board, const uint8_t *body, size_t size)
{
    exo_time_get_t get;
    if (!exo_decode_time_get(body, size, &get)) {
        return false;
    }
    const uint32_t turn_us = exo_hal_micros() - board->received_us;
    const exo_time_t time = {.token = get.token,
                             .receive_us = board->received_us,
                             .turn_us = turn_us > 0xFFFFu ? 0xFFFFu : (uint16_t)turn_us};
    exo_board_send(board, exo_encode_time(&time, board->body));
    return true;
}

static bool handle_reboot(exo_board_t *board, const uint8_t *body, size_t size)
{
    exo_reboot_t m;
    if (!exo_decode_reboot(body, size, &m)) {
        return false;
    }
    const uint8_t result = permit(board, m.consent);
    exo_board_acknowledge(board, body[0], result, 0);
    if (result == EXO_RESULT_OK) {
        board->is_reboot_due = true;
        board->reboot_ms = board->uptime_ms;
    }
    return true;
}

static bool handle_others(exo_board_t *board, const uint8_t *body, size_t size)
{
    exo_host_beat_t beat;
    exo_log_get_t log;
    switch (body[0]) {
    case EXO_TYPE_HOST_BEAT:
        if (!exo_decode_host_beat(body, size, &beat)) {
            return false;
        }
        host_beat(board, &beat);
        return true;
    case EXO_TYPE_HELLO_GET:
        if (!exo_decode_hello_get(body, size)) {
            return false;
        }
        answer_hello(board);
        return true;
    case EXO_TYPE_STATS_GET:
        if (!exo_decode_stats_get(body, size)) {
            return false;
        }
        answer_stats(board);
        return true;
    default:
        if (!exo_decode_log_get(body, size, &log)) {
            return false;
        }
        answer_log(board, log.number);
        return true;
    }
}

static bool dispatch(exo_board_t *board, const uint8_t *body, size_t size)
{
    switch (body[0]) {
    case EXO_TYPE_STREAM:
        return handle_stream(board, body, size);
    case EXO_TYPE_TIME_GET:
        return handle_time(board, body, size);
    case EXO_TYPE_CHANNEL_GET:
    case EXO_TYPE_ZERO_GET:
    case EXO_TYPE_ZERO_RECORD:
        return handle_channel(board, body, size);
    case EXO_TYPE_PARAM_GET:
    case EXO_TYPE_PARAM_SET:
    case EXO_TYPE_PARAM_SAVE:
        return handle_store(board, body, size);
    case EXO_TYPE_UPDATE_BEGIN:
    case EXO_TYPE_UPDATE_DATA:
    case EXO_TYPE_UPDATE_END:
    case EXO_TYPE_UPDATE_CONFIRM:
    case EXO_TYPE_UPDATE_ABORT:
    case EXO_TYPE_UPDATE_GET:
        return handle_update(board, body, size);
    case EXO_TYPE_REBOOT:
        return handle_reboot(board, body, size);
    case EXO_TYPE_HOST_BEAT:
    case EXO_TYPE_HELLO_GET:
    case EXO_TYPE_STATS_GET:
    case EXO_TYPE_LOG_GET:
        return handle_others(board, body, size);
    default:
        board->stats.rx_bad++;
        exo_board_acknowledge(board, body[0], EXO_RESULT_UNKNOWN, EXO_WIRE_VERSION);
        return true;
    }
}

void exo_board_handle(exo_board_t *board, const uint8_t *body, size_t size)
{
    board->received_us = exo_hal_micros();
    if (!dispatch(board, body, size)) {
        board->stats.rx_bad++;
        exo_board_acknowledge(board, body[0], EXO_RESULT_BAD_LENGTH, (uint32_t)size);
    }
}
