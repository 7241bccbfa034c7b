#include "text/chat.h"

#include "base/escape.h"
#include "base/mem.h"
#include "text/chat_detect.h"
#include "text/unicode.h"

#include <stdint.h>
#include <string.h>

/* ---- choosing ------------------------------------------------------------------- */

static const char *const names[] = {"raw", "chatml", "mistral"};

const char *mi_chat_name(const struct mi_chat_template *t)
{
    return names[t->kind];
}

static void set_defaults(struct mi_chat_template *t, enum mi_chat_kind kind)
{
    *t = (struct mi_chat_template){.kind = kind, .any_role = true};
    if (kind != MI_CHAT_MISTRAL)
        return;
    t->alternates = true; /* Mistral-7B-Instruct-v0.1 */
    t->user_open = mi_strdup("[INST] ");
    t->user_close = mi_strdup(" [/INST]");
    t->assistant_open = mi_strdup("");
    t->assistant_close = mi_strdup("</s> ");
}

static int recognise(struct mi_chat_template *t, const char *source, bool *writes_bos,
                     struct mi_error *err)
{
    char why[200] = "neither ChatML nor [INST]";

    if (!source)
        return mi_fail(err, MI_EXIT_DATA,
                       "the model has no chat template; choose --template raw, chatml or mistral");
    if (strstr(source, "<|im_start|>") &&
        mi_chat_detect(t, MI_CHAT_CHATML, source, writes_bos, why, sizeof why))
        return 0;
    if (strstr(source, "[INST]") &&
        mi_chat_detect(t, MI_CHAT_MISTRAL, source, writes_bos, why, sizeof why))
        return 0;
    return mi_fail(err, MI_EXIT_DATA,
                   "the model's chat template is not one of those known (%s); choose --template "
                   "raw, chatml or mistral",
                   why);
}

int mi_chat_open(struct mi_chat_template *t, const char *name, const char *source, const char *bos,
                 struct mi_error *err)
{
    enum mi_chat_kind kind = MI_CHAT_RAW;
    bool writes_bos = false;
    char why[200];

    *t = (struct mi_chat_template){0};
    if (!name || strcmp(name, "auto") == 0) {
        int r = recognise(t, source, &writes_bos, err);

        if (r < 0)
            return r;
    } else {
        while (kind <= MI_CHAT_MISTRAL && strcmp(names[kind], name) != 0)
            kind++;
        if (kind > MI_CHAT_MISTRAL)
            return mi_fail(err, MI_EXIT_USAGE,
                           "no chat template '%s': there are auto, raw, chatml and mistral",
                           mi_quote(name));
        if (kind == MI_CHAT_RAW)
            return 0;
        if (!source || !mi_chat_detect(t, kind, source, &writes_bos, why, sizeof why)) {
            set_defaults(t, kind);
            writes_bos = kind == MI_CHAT_MISTRAL;
        }
    }
    t->bos = writes_bos && bos ? mi_strdup(bos) : NULL;
    return 0;
}

void mi_chat_free(struct mi_chat_template *t)
{
    mi_free(t->bos);
    mi_free(t->default_system);
    mi_free(t->user_open);
    mi_free(t->user_close);
    mi_free(t->assistant_open);
    mi_free(t->assistant_close);
    mi_free(t->system_open);
    mi_free(t->system_close);
    *t = (struct mi_chat_template){0};
}

/* ---- rendering ------------------------------------------------------------------ */

static void add_segment(struct mi_rendering *out, const char *s, size_t n, const char *role,
                        size_t message)
{
    if (n == 0)
        return;
    out->segment = mi_grow(out->segment, &out->cap, out->n + 1, sizeof *out->segment);
    out->segment[out->n++] = (struct mi_segment){
        .begin = out->text.len,
        .end = out->text.len + n,
        .is_marker = !role,
        .role = role,
        .message = message,
    };
    mi_buf_add(&out->text, s, n);
}

static void add_marker(struct mi_rendering *out, const char *s)
{
    if (s)
        add_segment(out, s, strlen(s), NULL, SIZE_MAX);
}

static bool has_role(const struct mi_message *m, const char *role)
{
    return strcmp(m->role, role) == 0;
}

static void add_content(struct mi_rendering *out, const struct mi_message *m, size_t i)
{
    add_segment(out, m[i].content, m[i].len, m[i].role, i);
}

static int render_chatml(const struct mi_chat_template *t, const struct mi_message *m, size_t n,
                         bool is_open, bool opens_turn, struct mi_rendering *out,
                         struct mi_error *err)
{
    if (t->default_system && !has_role(&m[0], "system")) {
        add_marker(out, "<|im_start|>system\n");
        add_segment(out, t->default_system, strlen(t->default_system), "system", SIZE_MAX);
        add_marker(out, "<|im_end|>\n");
    }
    for (size_t i = 0; i < n; i++) {
        if (!t->any_role && !has_role(&m[i], "system") && !has_role(&m[i], "user") &&
            !has_role(&m[i], "assistant"))
            return mi_fail(err, MI_EXIT_DATA,
                           "message %zu: role '%s'; system, user and assistant are supported",
                           i + 1, mi_quote(m[i].role));
        add_marker(out, "<|im_start|>");
        add_marker(out, m[i].role);
        add_marker(out, "\n");
        add_content(out, m, i);
        if (!is_open || i + 1 < n)
            add_marker(out, "<|im_end|>\n");
    }
    if (opens_turn)
        add_marker(out, "<|im_start|>assistant\n");
    return 0;
}

/* What Python's strip() takes off. */
static bool is_stripped(uint32_t cp)
{
    return mi_is_space(cp) || (cp >= 0x1c && cp <= 0x1f);
}

static void add_trimmed(struct mi_rendering *out, const struct mi_message *m, size_t i)
{
    const char *s = m[i].content;
    size_t begin = 0, end = 0;
    bool is_lead = true;

    for (size_t at = 0; at < m[i].len;) {
        uint32_t cp = 0;
        int used = mi_utf8_decode(s + at, m[i].len - at, &cp);

        at += used > 0 ? (size_t)used : 1;
        if (!is_stripped(cp)) {
            is_lead = false;
            end = at;
        } else if (is_lead) {
            begin = end = at;
        }
    }
    add_segment(out, s + begin, end - begin, m[i].role, i);
}

/* The rules of the template that its own errors stand for. `first` follows a system message
 * that belongs to no turn. */
static int check_mistral(const struct mi_chat_template *t, const struct mi_message *m, size_t n,
                         size_t first, struct mi_error *err)
{
    for (size_t i = first; i < n; i++) {
        bool is_user = has_role(&m[i], "user"), is_system = has_role(&m[i], "system");

        if (t->alternates && is_user != ((i - first) % 2 == 0))
            return mi_fail(err, MI_EXIT_DATA,
                           "message %zu: role '%s'; this template wants user and assistant in "
                           "turn, the user first%s",
                           i + 1, mi_quote(m[i].role),
                           t->system == MI_SYSTEM_NONE ? " and no system message" : "");
        if (!is_user && !has_role(&m[i], "assistant") && !(is_system && t->system == MI_SYSTEM_OWN))
            return mi_fail(err, MI_EXIT_DATA, "message %zu: role '%s' is not in this template",
                           i + 1, mi_quote(m[i].role));
    }
    if (first == 1 && n == 1)
        return mi_fail(err, MI_EXIT_DATA, "a system message alone is nothing in this template");
    if (first == 1 && !has_role(&m[t->system == MI_SYSTEM_FIRST ? 1 : n - 1], "user"))
        return mi_fail(err, MI_EXIT_DATA,
                       "this template drops the system message unless the %s message is the "
                       "user's: put it into the user's text",
                       t->system == MI_SYSTEM_FIRST ? "next" : "last");
    return 0;
}

static int render_mistral(const struct mi_chat_template *t, const struct mi_message *m, size_t n,
                          bool is_open, struct mi_rendering *out, struct mi_error *err)
{
    bool joins = t->system == MI_SYSTEM_FIRST || t->system == MI_SYSTEM_LAST;
    size_t first = joins && has_role(&m[0], "system");
    size_t place = t->system == MI_SYSTEM_FIRST ? first : n - 1; /* which turn takes it */
    int r = check_mistral(t, m, n, first, err);

    if (r < 0)
        return r;
    for (size_t i = first; i < n; i++) {
        if (has_role(&m[i], "system")) {
            add_marker(out, t->system_open);
            add_content(out, m, i);
            add_marker(out, t->system_close);
        } else if (has_role(&m[i], "user")) {
            add_marker(out, t->user_open);
            if (first == 1 && i == place) {
                add_content(out, m, 0);
                add_marker(out, "\n\n");
            }
            add_content(out, m, i);
            add_marker(out, t->user_close);
        } else {
            add_marker(out, t->assistant_open);
            if (t->trims)
                add_trimmed(out, m, i);
            else
                add_content(out, m, i);
            if (!is_open || i + 1 < n)
                add_marker(out, t->assistant_close);
        }
    }
    return 0;
}

/* Roles stand among the markers, so they must not bring any. */
static int check_roles(const struct mi_message *m, size_t n, struct mi_error *err)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strspn(m[i].role, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789_-");

        if (len == 0 || len > 64 || m[i].role[len])
            return mi_fail(err, MI_EXIT_DATA, "message %zu: '%s' is no name of a role", i + 1,
                           mi_quote(m[i].role));
    }
    return n > 0 ? 0 : mi_fail(err, MI_EXIT_DATA, "a conversation without messages");
}

int mi_chat_render(const struct mi_chat_template *t, const struct mi_message *m, size_t n,
                   bool open_last, bool add_generation_prompt, struct mi_rendering *out,
                   struct mi_error *err)
{
    int r = check_roles(m, n, err);
    bool is_open;

    mi_rendering_clear(out);
    if (r < 0)
        return r;
    is_open = open_last && has_role(&m[n - 1], "assistant");
    add_marker(out, t->bos);
    if (t->kind == MI_CHAT_CHATML)
        return render_chatml(t, m, n, is_open, add_generation_prompt && !is_open, out, err);
    if (t->kind == MI_CHAT_MISTRAL)
        return render_mistral(t, m, n, is_open, out, err);
    for (size_t i = 0; i < n; i++)
        add_content(out, m, i);
    return 0;
}

void mi_rendering_clear(struct mi_rendering *r)
{
    mi_buf_clear(&r->text);
    r->n = 0;
}

void mi_rendering_free(struct mi_rendering *r)
{
    mi_buf_free(&r->text);
    mi_free(r->segment);
    *r = (struct mi_rendering){0};
}
