#include "frame.h"

#include <arpa/inet.h>
#include <fstrm.h>

#include "base/cursor.h"

const char *frame_error_text(enum frame_error error)
{
	switch (error) {
	case FRAME_OK:
		return "none";
	case FRAME_TOO_LARGE:
		return "frame_too_large";
	case FRAME_BAD_CONTROL:
		return "bad_control_frame";
	case FRAME_BAD_CONTENT_TYPE:
		return "wrong_content_type";
	case FRAME_OUT_OF_ORDER:
		return "frame_out_of_order";
	}
	return "unknown";
}

void frame_parser_init(struct frame_parser *p, uint32_t data_max)
{
	*p = (struct frame_parser){ .data_max = data_max };
}

static enum frame_result bad(struct frame_parser *p, enum frame_error error, uint32_t length)
{
	p->error = error;
	p->bad_length = length;
	return FRAME_BAD;
}

static enum frame_result on_ready(struct frame_parser *p)
{
	if (p->state != FRAME_STATE_NEW)
		return bad(p, FRAME_OUT_OF_ORDER, 0);
	p->state = FRAME_STATE_READY;
	p->bidirectional = true;
	return FRAME_SEND_ACCEPT;
}

static enum frame_result on_start(struct frame_parser *p)
{
	if (p->state == FRAME_STATE_DATA)
		return bad(p, FRAME_OUT_OF_ORDER, 0);
	p->state = FRAME_STATE_DATA;
	return FRAME_STARTED;
}

static enum frame_result on_stop(struct frame_parser *p)
{
	if (p->state != FRAME_STATE_DATA)
		return bad(p, FRAME_OUT_OF_ORDER, 0);
	p->state = FRAME_STATE_STOPPED;
	return FRAME_STOPPED;
}

static enum frame_result on_control(struct frame_parser *p, const struct fstrm_control *control)
{
	fstrm_control_type type;

	if (fstrm_control_get_type(control, &type) != fstrm_res_success)
		return bad(p, FRAME_BAD_CONTROL, 0);
	if ((type == FSTRM_CONTROL_READY || type == FSTRM_CONTROL_START) &&
	    fstrm_control_match_field_content_type(control, (const uint8_t *)FRAME_CONTENT_TYPE,
						   strlen(FRAME_CONTENT_TYPE)) != fstrm_res_success)
		return bad(p, FRAME_BAD_CONTENT_TYPE, 0);
	switch (type) {
	case FSTRM_CONTROL_READY:
		return on_ready(p);
	case FSTRM_CONTROL_START:
		return on_start(p);
	case FSTRM_CONTROL_STOP:
		return on_stop(p);
	case FSTRM_CONTROL_ACCEPT:
	case FSTRM_CONTROL_FINISH:
		break; /* only a reader sends these */
	}
	return bad(p, FRAME_OUT_OF_ORDER, 0);
}

static enum frame_result next_control(struct frame_parser *p, struct cursor *c)
{
	uint32_t length = cursor_u32(c);
	struct fstrm_control *control;
	enum frame_result result;
	struct slice payload;

	if (c->failed)
		return FRAME_NEED_MORE;
	if (length > FRAME_CONTROL_MAX)
		return bad(p, FRAME_BAD_CONTROL, length);
	payload = cursor_bytes(c, length);
	if (c->failed)
		return FRAME_NEED_MORE;
	control = fstrm_control_init();
	if (fstrm_control_decode(control, payload.data, payload.len, 0) == fstrm_res_success)
		result = on_control(p, control);
	else
		result = bad(p, FRAME_BAD_CONTROL, length);
	fstrm_control_destroy(&control);
	return result;
}

enum frame_result frame_next(struct frame_parser *p, struct slice *input, struct slice *data)
{
	struct cursor c = cursor_of(*input);
	uint32_t length = cursor_u32(&c);
	enum frame_result result;

	if (p->error)
		return FRAME_BAD;
	if (c.failed)
		return FRAME_NEED_MORE;
	if (length == 0) {
		result = next_control(p, &c);
	} else if (p->state != FRAME_STATE_DATA) {
		return bad(p, FRAME_OUT_OF_ORDER, length);
	} else if (length > p->data_max) {
		return bad(p, FRAME_TOO_LARGE, length);
	} else {
		*data = cursor_bytes(&c, length);
		result = c.failed ? FRAME_NEED_MORE : FRAME_DATA;
	}
	if (result != FRAME_NEED_MORE)
		*input = slice_of(input->data + c.pos, input->len - c.pos);
	return result;
}

static void write_control(fstrm_control_type type, bool with_content_type, struct buf *out)
{
	struct fstrm_control *control = fstrm_control_init();
	size_t len = FRAME_CONTROL_MAX;
	uint8_t encoded[FRAME_CONTROL_MAX];

	fstrm_control_set_type(control, type);
	if (with_content_type)
		fstrm_control_add_field_content_type(control, (const uint8_t *)FRAME_CONTENT_TYPE,
						     strlen(FRAME_CONTENT_TYPE));
	if (fstrm_control_encode(control, encoded, &len, FSTRM_CONTROL_FLAG_WITH_HEADER) == fstrm_res_success)
		buf_add(out, encoded, len);
	else
		out->failed = true;
	fstrm_control_destroy(&control);
}

void frame_write_accept(struct buf *out)
{
	write_control(FSTRM_CONTROL_ACCEPT, true, out);
}

void frame_write_finish(struct buf *out)
{
	write_control(FSTRM_CONTROL_FINISH, false, out);
}

void frame_write_ready(struct buf *out)
{
	write_control(FSTRM_CONTROL_READY, true, out);
}

void frame_write_start(struct buf *out)
{
	write_control(FSTRM_CONTROL_START, true, out);
}

void frame_write_stop(struct buf *out)
{
	write_control(FSTRM_CONTROL_STOP, false, out);
}

void frame_write_data(struct slice data, struct buf *out)
{
	uint32_t length_be = htonl((uint32_t)data.len);

	buf_add(out, &length_be, sizeof(length_be));
	buf_add(out, data.data, data.len);
}
