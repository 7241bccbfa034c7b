#include "stream/reader.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/par.h"
#include "stream/block.h"
#include "stream/codec.h"
#include "stream/format.h"
#include "stream/frame.h"
#include "stream/header.h"
#include "stream/intake.h"
#include "stream/magic.h"
#include "stream/seek.h"

#include <string.h>

/* Blocks that are decompressed and decoded at the same time, and how many bytes they may be:
 * memory does not grow with the threads. */
enum { AHEAD = 8, AHEAD_BYTES = 4 * MI_BLOCK_MAX };

/* A frame that is there as a whole: where behind what was taken of the input. */
struct mi_frame {
    size_t at, len;
    uint64_t content;
};

struct mi_reader_state {
    struct mi_intake intake;
    struct mi_hash hash; /* over canonical records, but for the end */
    struct mi_seek seek; /* of the frames that were read */
    struct mi_magic magic;
    uint64_t max_record;

    struct mi_block block[AHEAD]; /* n_blocks of them read ahead, `current` the one in hand */
    struct mi_frame frame[AHEAD];
    int n_blocks, current;
    size_t next, block_at; /* in the block in hand: the next record, its first byte */
    uint64_t frame_offset; /* of its frame in the input */

    struct mi_arena kept; /* header and end record */
    struct mi_wire_record record;
    struct mi_value header, end;
    uint64_t records, bytes; /* read so far; canonical bytes */
    bool is_ahead, has_ended, has_failed;
};

/* ---- messages ----------------------------------------------------------------- */

/* "'NAME': record N (byte B): what went wrong". */
static int blame_record(struct mi_reader_state *s, struct mi_error *err)
{
    return mi_fail_in(err, "'%s': record %llu (byte %llu)", mi_quote(s->intake.in.name),
                      (unsigned long long)s->records, (unsigned long long)s->frame_offset);
}

static int fail_record(struct mi_reader_state *s, struct mi_error *err, const char *what)
{
    mi_fail(err, MI_EXIT_DATA, "%s", what);
    return blame_record(s, err);
}

/* The input stops where more must come. */
static int fail_cut(struct mi_reader_state *s, uint64_t end, struct mi_error *err)
{
    if (s->records == 0)
        return mi_fail(err, MI_EXIT_DATA, "'%s': ends before its header (byte %llu)",
                       mi_quote(s->intake.in.name), (unsigned long long)end);
    return mi_fail(err, MI_EXIT_DATA,
                   "'%s': ends after record %llu without an end record (byte %llu; was its writer "
                   "stopped?)",
                   mi_quote(s->intake.in.name), (unsigned long long)s->records - 1,
                   (unsigned long long)end);
}

/* A failure of the source itself names the file already. */
static int64_t want(struct mi_reader_state *s, size_t n, const unsigned char **bytes,
                    struct mi_error *err)
{
    return mi_intake_want(&s->intake, n, bytes, err);
}

/* ---- frames ------------------------------------------------------------------- */

/* The largest frame that can be right here: the header's own, else one large record. */
static uint64_t frame_limit(const struct mi_reader_state *s)
{
    uint64_t most = s->max_record > MI_BLOCK_MAX ? s->max_record : MI_BLOCK_MAX;

    return s->records ? most : MI_HEADER_MAX;
}

/* Finds the whole of the next frame. */
static int find_frame(struct mi_reader_state *s, struct mi_frame *f, struct mi_error *err)
{
    struct mi_frame_scan scan = {0};
    const unsigned char *bytes;
    int64_t have = want(s, 1, &bytes, err);
    int status = 0;

    s->frame_offset = s->intake.offset;
    if (have == 0)
        return fail_cut(s, s->intake.offset, err);
    while (have >= 0 && status == 0) {
        status = mi_frame_next(&scan, bytes, (size_t)have, frame_limit(s), err);
        if (status < 0)
            return blame_record(s, err);
        have = want(s, scan.need, &bytes, err);
        if (have >= 0 && (uint64_t)have < scan.need)
            return fail_cut(s, s->intake.offset + (uint64_t)have, err);
    }
    *f = (struct mi_frame){0, scan.need, scan.content};
    return have < 0 ? (int)have : 0;
}

/* The one behind `last` as well, when it is there without waiting, makes no more than `limit`
 * bytes and all is well: whatever is not will be found when its turn comes. */
static bool find_another(struct mi_reader_state *s, const struct mi_frame *last, uint64_t limit,
                         struct mi_frame *f)
{
    const size_t at = last->at + last->len;
    struct mi_frame_scan scan = {.need = 0};
    int status = 0;

    for (;;) {
        const unsigned char *bytes;
        int64_t have = mi_intake_try(&s->intake, at + (scan.need ? scan.need : 1), &bytes, NULL);

        if (have < 0 || (uint64_t)have <= at || (uint64_t)have - at < scan.need)
            return false;
        *f = (struct mi_frame){at, scan.need, scan.content};
        if (status)
            return status > 0;
        status = mi_frame_next(&scan, bytes + at, (size_t)have - at, limit, NULL);
    }
}

/* Is this the magic of a second stream? */
static bool begins_stream(const unsigned char *bytes, int64_t have)
{
    struct mi_magic magic;

    return have >= MI_MAGIC_SIZE && mi_magic_read(bytes, (size_t)have, &magic, NULL) == 0;
}

/* What a thread does for block i. */
struct decoding {
    struct mi_reader_state *s;
    const unsigned char *bytes; /* of the input */
    size_t most;
};

static void decode_block(void *ctx, int64_t i, int thread)
{
    const struct decoding *d = ctx;
    const struct mi_frame *f = &d->s->frame[i];
    struct mi_block *b = &d->s->block[i];

    (void)thread;
    mi_block_open(b, d->bytes + f->at, f->len, f->content);
    if (b->status == 0)
        mi_block_decode(b, d->most);
}

/* Reads the next block, and those behind it that are there, one a thread. */
static int read_blocks(struct mi_reader_state *s, struct mi_error *err)
{
    const int threads = s->is_ahead ? mi_par_threads() : 1;
    struct decoding d = {.s = s};
    uint64_t content;
    int64_t have;
    int n = 1, status = find_frame(s, &s->frame[0], err);

    if (status < 0)
        return status;
    content = s->frame[0].content;
    while (n < threads && n < AHEAD && content < AHEAD_BYTES &&
           find_another(s, &s->frame[n - 1], AHEAD_BYTES - content, &s->frame[n]))
        content += s->frame[n++].content;
    have = want(s, s->frame[n - 1].at + s->frame[n - 1].len, &d.bytes, err); /* it is there */
    if (have < 0)
        return (int)have;
    d.most = n > 1 ? 2 * MI_BLOCK_MAX : 0;
    mi_par_for(n, decode_block, &d);
    s->n_blocks = n;
    s->current = -1;
    return 0;
}

/* The next block becomes the one in hand. */
static int begin_block(struct mi_reader_state *s, struct mi_error *err)
{
    const struct mi_frame *f;
    int status;

    if (s->current + 1 >= s->n_blocks && (status = read_blocks(s, err)) < 0)
        return status;
    f = &s->frame[++s->current];
    s->frame_offset = s->intake.offset;
    /* The table has 32 bits for either size; a stream without one has no such limit. */
    if (s->magic.has_table && (f->len > UINT32_MAX || f->content > UINT32_MAX))
        return fail_record(s, err, "a frame of 4 GiB or more in a file with a seek table");
    if (s->magic.has_table)
        mi_seek_add(&s->seek, (uint32_t)f->len, (uint32_t)f->content);
    mi_intake_take(&s->intake, f->len);
    s->next = s->block_at = 0;
    return 0;
}

/* ---- records ------------------------------------------------------------------ */

static int check_place(struct mi_reader_state *s, struct mi_error *err)
{
    bool is_header = strcmp(s->record.kind, "header") == 0;

    if (s->record.sequence != s->records) {
        mi_fail(err, MI_EXIT_DATA, "sequence %llu, expected %llu",
                (unsigned long long)s->record.sequence, (unsigned long long)s->records);
        return blame_record(s, err);
    }
    if (is_header != (s->records == 0))
        return fail_record(s, err, is_header ? "a second header" : "no header at the beginning");
    return 0;
}

/* The next record that was decoded, right or wrong. NULL: the block is wrong before any. */
static int find_record(struct mi_reader_state *s, struct mi_block_record **r, struct mi_error *err)
{
    struct mi_block *b = &s->block[s->current];
    int status;

    if (s->n_blocks == 0 || s->block_at == b->len) {
        if ((status = begin_block(s, err)) < 0)
            return status;
        b = &s->block[s->current];
    } else if (s->next == b->n_records) {
        mi_block_decode(b, 0);
        s->next = 0;
    }
    *r = b->n_records ? &b->record[s->next++] : NULL;
    return 0;
}

/* Takes the next record into s->record. */
static int read_record(struct mi_reader_state *s, struct mi_error *err)
{
    const struct mi_block *b;
    struct mi_block_record *r = NULL;
    int status = find_record(s, &r, err);

    if (status < 0)
        return status;
    b = &s->block[s->current];
    if (r && r->n > s->max_record) {
        mi_fail(err, MI_EXIT_DATA, "a record of %zu bytes; the limit is %llu", r->n,
                (unsigned long long)s->max_record);
        return blame_record(s, err);
    }
    if (r && r->n && b->len > MI_BLOCK_MAX && r->n != b->len)
        return fail_record(s, err, "several records in a block of more than 8 MiB");
    if (b->status < 0 && s->next == b->n_records) {
        *err = b->err;
        return blame_record(s, err);
    }
    s->record = r->wire;
    status = check_place(s, err);
    if (status < 0)
        return status;
    if (strcmp(s->record.kind, "end") != 0)
        s->bytes += mi_codec_hash(&s->hash, b->bytes + s->block_at, r->n, &s->record);
    s->block_at += r->n;
    return 0;
}

/* ---- the end ------------------------------------------------------------------ */

static int check_end_record(struct mi_reader_state *s, struct mi_error *err)
{
    const struct mi_value *end = &s->record.body;
    struct mi_digest digest = mi_hash_value(&s->hash);
    char text[33];

    if (strcmp(mi_get_str(end, "status", ""), "complete") != 0)
        return fail_record(s, err, "an end record that does not say 'complete'");
    if (mi_get_int(end, "records", -1) != (int64_t)s->records ||
        mi_get_int(end, "bytes", -1) != (int64_t)s->bytes)
        return fail_record(s, err, "the end record counts other records than were read");
    if (strcmp(mi_get_str(end, "digest", ""), mi_digest_text(&digest, text)) != 0)
        return fail_record(s, err, "the digest of the records differs");
    if (!mi_is(mi_get(end, "inputs"), MI_ARRAY))
        return fail_record(s, err, "an end record without 'inputs'");
    if (s->block_at != s->block[s->current].len)
        return fail_record(s, err, "a record after the end record");
    return 0;
}

/* The seek table must say what was read, byte for byte. */
static int check_table(struct mi_reader_state *s, struct mi_error *err)
{
    struct mi_buf table = {0};
    const unsigned char *bytes;
    int64_t have;
    int status = 0;

    mi_seek_write(&s->seek, &table);
    have = want(s, table.len, &bytes, err);
    if (have < 0)
        status = (int)have;
    else if ((uint64_t)have < table.len || memcmp(bytes, table.data, table.len) != 0)
        status = mi_fail(
            err, MI_EXIT_DATA, "'%s': the seek table after record %llu is %s (byte %llu)",
            mi_quote(s->intake.in.name), (unsigned long long)s->records,
            (uint64_t)have < table.len ? "cut" : "wrong", (unsigned long long)s->intake.offset);
    else
        mi_intake_take(&s->intake, table.len);
    mi_buf_free(&table);
    return status;
}

static int check_nothing_follows(struct mi_reader_state *s, struct mi_error *err)
{
    const unsigned char *bytes;
    int64_t have = want(s, MI_MAGIC_SIZE, &bytes, err);

    if (have < 0)
        return (int)have;
    if (have > 0)
        return mi_fail(err, MI_EXIT_DATA, "'%s': %s after the end record (byte %llu)%s",
                       mi_quote(s->intake.in.name),
                       begins_stream(bytes, have) ? "a second stream" : "more bytes",
                       (unsigned long long)s->intake.offset,
                       begins_stream(bytes, have) ? "; join streams with mi-view merge" : "");
    return mi_in_unchanged(&s->intake.in, err);
}

static int finish(struct mi_reader_state *s, struct mi_error *err)
{
    int status = check_end_record(s, err);

    if (status < 0)
        return status;
    s->end = mi_value_copy(&s->kept, &s->record.body);
    if (s->magic.has_table && (status = check_table(s, err)) < 0)
        return status;
    status = check_nothing_follows(s, err);
    if (status < 0)
        return status;
    s->has_ended = true;
    return 0;
}

/* ---- the public functions ----------------------------------------------------- */

static int read_magic(struct mi_reader_state *s, struct mi_error *err)
{
    const unsigned char *bytes;
    int64_t have = want(s, MI_MAGIC_SIZE, &bytes, err);

    if (have < 0)
        return (int)have;
    if (mi_magic_read(bytes, (size_t)have, &s->magic, err) < 0)
        return mi_fail_in(err, "'%s'", mi_quote(s->intake.in.name));
    mi_intake_take(&s->intake, MI_MAGIC_SIZE);
    if (s->magic.has_table)
        mi_seek_add(&s->seek, MI_MAGIC_SIZE, 0);
    return 0;
}

static int read_header(struct mi_reader_state *s, struct mi_error *err)
{
    const struct mi_value *version;
    int status;

    if ((status = read_magic(s, err)) < 0 || (status = read_record(s, err)) < 0)
        return status;
    if (mi_header_check(&s->record.body, err) < 0)
        return mi_fail_in(err, "'%s': header", mi_quote(s->intake.in.name));
    version = mi_get(&s->record.body, "version");
    if (version->as.array.item[0].as.integer != s->magic.major ||
        version->as.array.item[1].as.integer != s->magic.minor)
        return fail_record(s, err, "the header's version is not that of the first bytes");
    s->header = mi_value_copy(&s->kept, &s->record.body);
    s->records = 1;
    return 0;
}

int mi_reader_open_in(struct mi_reader *r, struct mi_in *in, struct mi_error *err)
{
    struct mi_reader_state *s = mi_alloc_zero(1, sizeof *s);
    int status;

    r->state = s;
    s->max_record = MI_MAX_RECORD;
    mi_hash_init(&s->hash);
    mi_intake_open(&s->intake, in);
    status = read_header(s, err);
    if (status < 0)
        mi_reader_close(r);
    return status;
}

int mi_reader_open(struct mi_reader *r, const char *path, struct mi_error *err)
{
    struct mi_in in;
    int status = mi_in_open(&in, path, err);

    r->state = NULL;
    return status < 0 ? status : mi_reader_open_in(r, &in, err);
}

int mi_reader_open_bytes(struct mi_reader *r, const void *bytes, size_t len, const char *name,
                         struct mi_error *err)
{
    struct mi_in in;

    mi_in_of_bytes(&in, name, bytes, len);
    return mi_reader_open_in(r, &in, err);
}

void mi_reader_limit(struct mi_reader *r, uint64_t max_record_bytes)
{
    r->state->max_record = max_record_bytes;
}

void mi_reader_ahead(struct mi_reader *r)
{
    r->state->is_ahead = true;
}

const struct mi_value *mi_reader_header(const struct mi_reader *r)
{
    return &r->state->header;
}

static int next(struct mi_reader_state *s, struct mi_record *rec, struct mi_error *err)
{
    int status = read_record(s, err);

    if (status < 0)
        return status;
    if (strcmp(s->record.kind, "end") == 0)
        return finish(s, err);
    *rec = (struct mi_record){s->record.sequence, s->record.kind, &s->record.body};
    s->records++;
    return 1;
}

int mi_reader_next(struct mi_reader *r, struct mi_record *rec, struct mi_error *err)
{
    struct mi_reader_state *s = r->state;
    int status;

    if (s->has_ended)
        return 0;
    if (s->has_failed)
        return mi_fail(err, MI_EXIT_DATA, "'%s': reading has failed before",
                       mi_quote(s->intake.in.name));
    status = next(s, rec, err);
    s->has_failed = status < 0;
    return status;
}

const struct mi_value *mi_reader_end(const struct mi_reader *r)
{
    return r->state->has_ended ? &r->state->end : NULL;
}

struct mi_digest mi_reader_digest(const struct mi_reader *r)
{
    return mi_hash_value(&r->state->hash);
}

const char *mi_reader_name(const struct mi_reader *r)
{
    return r->state->intake.in.name;
}

int mi_reader_blame(const struct mi_reader *r, struct mi_error *err)
{
    return mi_fail_in(err, "'%s': record %llu", mi_quote(r->state->intake.in.name),
                      (unsigned long long)r->state->record.sequence);
}

void mi_reader_close(struct mi_reader *r)
{
    struct mi_reader_state *s = r->state;

    r->state = NULL;
    if (!s)
        return;
    mi_intake_close(&s->intake);
    mi_hash_free(&s->hash);
    mi_seek_free(&s->seek);
    for (int i = 0; i < AHEAD; i++)
        mi_block_free(&s->block[i]);
    mi_arena_free(&s->kept);
    mi_free(s);
}
