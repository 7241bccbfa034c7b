#include "stream/writer.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "stream/codec.h"
#include "stream/format.h"
#include "stream/frame.h"
#include "stream/header.h"
#include "stream/magic.h"
#include "stream/reader.h"
#include "stream/seek.h"

#include <string.h>

/* On a pipe a frame leaves sooner, so that the next program can start. */
enum { PIPE_BLOCK = 1 << 20 };

struct mi_writer_state {
    struct mi_out out;
    struct mi_packer packer;
    struct mi_hash hash; /* over canonical records */
    struct mi_seek seek;
    struct mi_buf block;     /* whole records as on the wire, not yet compressed */
    struct mi_buf ready;     /* compressed, not yet written: the magic and the header */
    struct mi_buf canonical; /* the record in hand */
    struct mi_buf shuffled;  /* the same as it stands in a file */
    uint64_t records, bytes; /* canonical bytes */
    bool has_failed;
};

int mi_writer_open(struct mi_writer *w, const char *path, struct mi_error *err)
{
    struct mi_writer_state *s = mi_alloc_zero(1, sizeof *s);
    int status = mi_out_open(&s->out, path, err);

    w->state = NULL;
    if (status == 0 && mi_out_is_terminal(&s->out))
        status = mi_fail(err, MI_EXIT_USAGE, "binary output; use -o FILE, or pipe to mi-view");
    if (status < 0) {
        mi_out_close(&s->out);
        mi_free(s);
        return status;
    }
    mi_hash_init(&s->hash);
    w->state = s;
    return 0;
}

static size_t block_limit(const struct mi_writer_state *s)
{
    return s->out.is_file ? MI_BLOCK_MAX : PIPE_BLOCK;
}

/* Sends what is compressed. */
static int send_ready(struct mi_writer_state *s, struct mi_error *err)
{
    int status = mi_out_write(&s->out, s->ready.data, s->ready.len, err);

    mi_buf_clear(&s->ready);
    return status;
}

/* Makes a frame of the block in hand. */
static int pack_block(struct mi_writer_state *s, struct mi_error *err)
{
    size_t before = s->ready.len;
    int status;

    if (s->block.len == 0)
        return 0;
    status = mi_pack(&s->packer, s->block.data, s->block.len,
                     s->out.is_file ? MI_LEVEL_FILE : MI_LEVEL_PIPE, &s->ready, err);
    if (status < 0)
        return status;
    if (s->out.is_file)
        mi_seek_add(&s->seek, (uint32_t)(s->ready.len - before), (uint32_t)s->block.len);
    mi_buf_clear(&s->block);
    return 0;
}

/* Encodes a record that was checked; only the end record is outside the digest. */
static int add_record(struct mi_writer_state *s, const char *kind, const struct mi_value *body,
                      bool is_digested, struct mi_error *err)
{
    struct mi_buf *wire = s->out.is_file ? &s->shuffled : &s->canonical;

    mi_buf_clear(&s->canonical);
    mi_codec_put(&s->canonical, s->records, kind, body, false);
    if (s->out.is_file) {
        mi_buf_clear(&s->shuffled);
        mi_codec_put(&s->shuffled, s->records, kind, body, true);
    }
    if (s->block.len && s->block.len + wire->len > block_limit(s)) {
        int status = pack_block(s, err);

        if (status == 0)
            status = send_ready(s, err);
        if (status < 0)
            return status;
    }
    mi_buf_add(&s->block, wire->data, wire->len);
    if (!is_digested)
        return 0;
    mi_hash_add(&s->hash, s->canonical.data, s->canonical.len);
    s->bytes += s->canonical.len;
    s->records++;
    return 0;
}

/* Nothing may follow a failure: the stream would go on with a record missing. */
static int note_failure(struct mi_writer_state *s, int status)
{
    if (status < 0)
        s->has_failed = true;
    return status;
}

static int check_state(const struct mi_writer *w, bool has_header, struct mi_error *err)
{
    if (!w->state || w->state->has_failed || (w->state->records > 0) != has_header)
        return mi_fail(err, MI_EXIT_SYS, "the stream is not open for this record");
    return 0;
}

static int put_header(struct mi_writer_state *s, const struct mi_value *header,
                      struct mi_error *err)
{
    unsigned char magic[MI_MAGIC_SIZE];
    int status;

    if (mi_header_check(header, err) < 0 || mi_codec_check(header, err) < 0)
        return mi_fail_in(err, "header");
    mi_magic_write(magic, s->out.is_file);
    mi_buf_add(&s->ready, magic, sizeof magic);
    if (s->out.is_file)
        mi_seek_add(&s->seek, sizeof magic, 0);
    status = add_record(s, "header", header, true, err);
    if (status == 0 && s->canonical.len > MI_HEADER_MAX)
        status = mi_fail(err, MI_EXIT_DATA, "a header of %zu bytes, the limit is %d",
                         s->canonical.len, MI_HEADER_MAX);
    return status < 0 ? status : pack_block(s, err);
}

int mi_writer_header(struct mi_writer *w, const struct mi_value *header, struct mi_error *err)
{
    int status = check_state(w, false, err);

    return status < 0 ? status : note_failure(w->state, put_header(w->state, header, err));
}

static int check_body(const char *kind, const struct mi_value *body, struct mi_error *err)
{
    int status;

    if (!mi_is(body, MI_MAP) || mi_get(body, "kind") || !*kind || strlen(kind) > MI_KIND_MAX ||
        strcmp(kind, "header") == 0 || strcmp(kind, "end") == 0)
        return mi_fail(err, MI_EXIT_DATA, "'%.60s': no record of this kind and body can be", kind);
    status = mi_codec_check(body, err);
    return status < 0 ? mi_fail_in(err, "%s record", kind) : mi_codec_finite(kind, body, err);
}

int mi_writer_put(struct mi_writer *w, const char *kind, const struct mi_value *body,
                  struct mi_error *err)
{
    int status = check_state(w, true, err);
    struct mi_writer_state *s = w->state;

    if (status < 0 || (status = check_body(kind, body, err)) < 0)
        return s ? note_failure(s, status) : status;
    status = add_record(s, kind, body, true, err);
    if (status == 0 && s->block.len >= block_limit(s))
        status = pack_block(s, err);
    if (status == 0 && s->ready.len)
        status = send_ready(s, err);
    return note_failure(s, status);
}

/* A file's frames depend on its records alone, never on when they were made. */
int mi_writer_flush(struct mi_writer *w, struct mi_error *err)
{
    int status = check_state(w, true, err);

    if (status < 0 || w->state->out.is_file)
        return status;
    status = pack_block(w->state, err);
    if (status == 0)
        status = send_ready(w->state, err);
    return note_failure(w->state, status);
}

static int put_end(struct mi_writer_state *s, const struct mi_value *inputs, struct mi_error *err)
{
    struct mi_arena arena = {0};
    struct mi_value body = mi_map(), none = mi_array();
    struct mi_digest digest = mi_hash_value(&s->hash);
    char text[33];
    int status;

    mi_set(&arena, &body, "records", mi_int((int64_t)s->records));
    mi_set(&arena, &body, "bytes", mi_int((int64_t)s->bytes));
    mi_set(&arena, &body, "digest", mi_str(mi_digest_text(&digest, text)));
    mi_set(&arena, &body, "inputs", inputs ? *inputs : none);
    mi_set(&arena, &body, "status", mi_str("complete"));
    status = mi_codec_check(&body, err);
    if (status == 0)
        status = pack_block(s, err); /* the end stands alone: a file's tail is quick to read */
    if (status == 0)
        status = add_record(s, "end", &body, false, err);
    if (status == 0)
        status = pack_block(s, err);
    if (status == 0 && s->out.is_file)
        mi_seek_write(&s->seek, &s->ready);
    if (status == 0)
        status = send_ready(s, err);
    mi_arena_free(&arena);
    return status;
}

int mi_writer_end(struct mi_writer *w, const struct mi_value *inputs, struct mi_error *err)
{
    int status = check_state(w, true, err);

    if (status < 0)
        return status;
    status = put_end(w->state, inputs, err);
    if (status == 0)
        status = mi_out_commit(&w->state->out, err);
    note_failure(w->state, status);
    w->state->has_failed = true; /* closed for records either way */
    return status;
}

void mi_writer_close(struct mi_writer *w)
{
    struct mi_writer_state *s = w->state;

    w->state = NULL;
    if (!s)
        return;
    mi_out_close(&s->out);
    mi_packer_free(&s->packer);
    mi_hash_free(&s->hash);
    mi_seek_free(&s->seek);
    mi_buf_free(&s->block);
    mi_buf_free(&s->ready);
    mi_buf_free(&s->canonical);
    mi_buf_free(&s->shuffled);
    mi_free(s);
}

uint64_t mi_writer_records(const struct mi_writer *w)
{
    return w->state ? w->state->records : 0;
}

struct mi_digest mi_writer_digest(const struct mi_writer *w)
{
    return mi_hash_value(&w->state->hash);
}

uint64_t mi_writer_bytes(const struct mi_writer *w)
{
    return w->state ? w->state->out.n_bytes : 0;
}
