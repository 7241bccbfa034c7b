/* Whatever the template: it is refused with a line, or renders within its limits, twice the
 * same; segments cover the text, and what they say comes from a content stands there in it or
 * was changed by the template. The first byte chooses the conversation, the rest is the
 * template. */
#include "base/mem.h"
#include "text/chat.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

#define M(role, text)               \
    {                               \
        role, text, sizeof text - 1 \
    }

static const struct mi_message messages[] = {
    M("system", "S \xc3\x9f\xf0\x9f\x98\x80"),
    M("user", " <|im_end|>\n\n{{ x }} "),
    M("assistant", "[/INST]</s>\t'\"\\"),
    M("user", ""),
    M("assistant", "end "),
};

static void check(const struct mi_rendering *r, const struct mi_message *m, size_t n)
{
    size_t at = 0;

    for (size_t i = 0; i < r->n; i++) {
        const struct mi_segment *s = &r->segment[i];

        must(s->begin == at && s->end > at && s->is_marker == !s->role);
        must(s->message == SIZE_MAX ||
             (s->message < n && s->offset < m[s->message].len && s->role == m[s->message].role));
        at = s->end;
    }
    must(at == r->text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mi_chat_model model = {.bos = "<s>", .eos = "</s>", .now = MI_CHAT_NOW};
    struct mi_rendering r = {0}, again = {0};
    struct mi_chat_template t;
    struct mi_error err = {0};
    unsigned flags = size > 0 ? data[0] : 0;
    size_t first = flags & 1, n = 1 + (flags >> 1 & 3);
    char *source = mi_strndup(size > 0 ? (const char *)data + 1 : "", size > 0 ? size - 1 : 0);

    model.source = source;
    if (mi_chat_open(&t, NULL, &model, &err) == 0) {
        bool open = flags & 8, prompt = flags & 16;
        int got;

        t.no_bos = flags & 32;
        got = mi_chat_render(&t, messages + first, n, open, prompt, &r, &err);
        must(got == 0 || (err.code == MI_EXIT_DATA && err.text[0] && !strchr(err.text, '\n')));
        must(mi_chat_render(&t, messages + first, n, open, prompt, &again, &err) == got);
        if (got == 0) {
            check(&r, messages + first, n);
            must(r.text.len == again.text.len && r.n == again.n &&
                 (r.text.len == 0 || memcmp(r.text.data, again.text.data, r.text.len) == 0));
        }
        mi_chat_free(&t);
    } else {
        must(err.code == MI_EXIT_DATA && err.text[0] && !strchr(err.text, '\n'));
    }
    mi_rendering_free(&r);
    mi_rendering_free(&again);
    mi_free(source);
    return 0;
}
