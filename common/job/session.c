#include "job/session.h"

#include "base/escape.h"
#include "base/mem.h"
#include "job/model_chat.h"
#include "job/model_text.h"
#include "math/quant.h"

#include <string.h>

/* ---- the session ------------------------------------------------------------- */

static int open_chat(struct mi_session *s, const struct mi_session_options *o, struct mi_error *err)
{
    int r =
        mi_model_chat_open(&s->chat, &s->model, &s->tokenizer, o->chat, o->date, &s->why_no_chat);

    s->has_chat = r == 0;
    /* without a wish a model may have no template: only messages need one */
    if (r < 0 && (o->chat || o->is_chat || o->system)) {
        *err = s->why_no_chat;
        return r;
    }
    return 0;
}

/* The vocabulary may be smaller than the embedding (padded rows), never larger. */
static int check_sizes(const struct mi_session *s, struct mi_error *err)
{
    size_t n = mi_tokenizer_size(&s->tokenizer);

    if (n > (size_t)s->model.config.dims.d_vocab)
        return mi_fail(err, MI_EXIT_DATA, "%zu tokens, but the embedding has %d rows", n,
                       s->model.config.dims.d_vocab);
    return 0;
}

int mi_session_open(struct mi_session *s, const struct mi_session_options *o, struct mi_error *err)
{
    int r;

    *s = (struct mi_session){0};
    if (mi_model_chat_is_given(o->chat)) { /* what is wrong with it is found before all else */
        r = mi_chat_open(&s->chat, o->chat, NULL, err);
        mi_chat_free(&s->chat);
        if (r < 0)
            return r;
    }
    if (o->date) {
        int64_t now;

        r = mi_chat_date(o->date, &now, err);
        if (r < 0)
            return mi_fail_in(err, "--date");
    }
    r = mi_model_open(&s->model, o->model, err);
    if (r < 0)
        return r;
    if (o->context && (r = mi_model_set_context(&s->model, o->context, err)) < 0) {
        mi_session_close(s);
        return r;
    }
    r = mi_model_text_tokenizer(&s->tokenizer, &s->model, err);
    if (r == 0)
        r = check_sizes(s, err);
    if (r < 0)
        mi_fail_in(err, "'%s'", mi_quote(o->model));
    if (r == 0)
        r = open_chat(s, o, err);
    if (r < 0) {
        mi_session_close(s);
        return r;
    }
    s->encode = (struct mi_encode_options){
        .chat = s->has_chat ? &s->chat : NULL,
        .system = o->system,
        .is_chat = o->is_chat,
        .no_bos = o->no_bos,
        .add_generation_prompt = o->add_generation_prompt,
        .parse_special = o->parse_special,
    };
    return 0;
}

/* ---- its description --------------------------------------------------------- */

/* The type that most bytes of the matrices have: "Q4_1". */
static const char *main_type(const struct mi_model *m)
{
    enum { TYPES = 512 }; /* numbers of types are below */
    uint64_t bytes[TYPES] = {0};
    int best = 0;

    for (size_t i = 0; i < m->store.n_tensors; i++) {
        const struct mi_store_tensor *t = &m->store.tensor[i];

        if (t->ne[1] > 1 && t->type >= 0 && t->type < TYPES)
            bytes[t->type] += mi_store_bytes(t);
    }
    for (int i = 1; i < TYPES; i++)
        if (bytes[i] > bytes[best])
            best = i;
    return mi_qtype_info(best) ? mi_qtype_info(best)->name : "mixed";
}

static struct mi_value digest_value(struct mi_arena *a, const struct mi_digest *d)
{
    char text[33];

    return mi_str_dup(a, mi_digest_text(d, text));
}

static struct mi_value model_map(struct mi_session *s, const struct mi_digest *digest,
                                 struct mi_arena *a)
{
    const struct mi_config *c = &s->model.config;
    const struct mi_dims *d = &c->dims;
    struct mi_value m = mi_map();

    mi_set(a, &m, "digest", digest_value(a, digest));
    mi_set(a, &m, "architecture", mi_str_dup(a, c->architecture));
    mi_set(a, &m, "quantisation", mi_str(main_type(&s->model)));
    mi_set(a, &m, "n_layers", mi_int(d->n_layers));
    mi_set(a, &m, "n_heads", mi_int(d->n_heads));
    mi_set(a, &m, "n_kv_heads", mi_int(d->n_kv_heads));
    mi_set(a, &m, "d_model", mi_int(d->d_model));
    mi_set(a, &m, "d_head", mi_int(d->d_head));
    mi_set(a, &m, "d_mlp", mi_int(d->d_mlp));
    mi_set(a, &m, "d_vocab", mi_int(d->d_vocab));
    mi_set(a, &m, "n_ctx", mi_int(d->n_ctx));
    return m;
}

static struct mi_value template_digest(const struct mi_session *s, struct mi_arena *a)
{
    struct mi_digest d;

    if (!s->has_chat)
        return mi_nil();
    d = mi_chat_digest(&s->chat);
    return digest_value(a, &d);
}

int mi_session_header(struct mi_session *s, struct mi_arena *a, struct mi_value *header,
                      struct mi_error *err)
{
    struct mi_digest model, tokenizer;
    int r = mi_model_digest(&s->model, &model, err);

    if (r < 0)
        return r;
    tokenizer = mi_tokenizer_digest(&s->tokenizer);
    mi_set(a, header, "model", model_map(s, &model, a));
    mi_set(a, header, "tokenizer", digest_value(a, &tokenizer));
    mi_set(a, header, "template", template_digest(s, a));
    return 0;
}

void mi_session_close(struct mi_session *s)
{
    mi_forward_free(&s->forward);
    mi_chat_free(&s->chat);
    mi_tokenizer_free(&s->tokenizer);
    mi_model_close(&s->model);
    *s = (struct mi_session){0};
}
