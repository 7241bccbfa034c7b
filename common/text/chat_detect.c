#include "text/chat_detect.h"

#include "base/escape.h"
#include "base/mem.h"
#include "text/template.h"

#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 32 };

/* A walk over the statements. What is only for tools is skipped: the branches whose condition
 * speaks of tools. Everything else must be in the lists below. */
struct walk {
    struct mi_chat_template *t;
    bool writes_bos, has_body, has_opening; /* seen: the turns; the assistant's opening */
    enum mi_chat_system next_system;        /* which user text the condition chose */
    int depth;
    bool in_tools[MAX_DEPTH];
};

static bool is_one_of(const char *s, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(s, *list) == 0)
            return true;
    }
    return false;
}

/* Moves *s behind `word` when it stands there. */
static bool take(const char **s, const char *word)
{
    size_t n = strlen(word);

    if (strncmp(*s, word, n) != 0)
        return false;
    *s += n;
    return true;
}

/* A literal at *s, its text without escapes into *out (freed first); false for none. */
static bool take_string(const char **s, char **out)
{
    struct mi_buf b = {0};
    const char *p = *s;

    if (*p++ != '\'')
        return false;
    for (; *p && *p != '\''; p++) {
        if (*p == '\\' && p[1])
            p++;
        mi_buf_add_char(&b, *p);
    }
    mi_free(*out);
    *out = mi_strndup(mi_buf_text(&b), b.len);
    mi_buf_free(&b);
    *s = p + (*p == '\'');
    return true;
}

/* ---- ChatML --------------------------------------------------------------------- */

#define QWEN_TURNS                                                         \
    "(message.role=='user')or(message.role=='system'and not loop.first)or" \
    "(message.role=='assistant'and not message.tool_calls)"

static const char *const chatml_conditions[] = {
    "loop.first and messages[0].role!='system'",
    "loop.first and message.role!='system'",
    "messages[0].role!='system'",
    "messages[0].role=='system'",
    "add_generation_prompt",
    "not add_generation_prompt is defined",
    QWEN_TURNS,
    NULL,
};

#define CHATML_SYSTEM "<|im_start|>system\n"
#define CHATML_END    "<|im_end|>\n"

static bool chatml_output(struct walk *w, const char *s)
{
    char *text = NULL;
    size_t n, head = strlen(CHATML_SYSTEM), tail = strlen(CHATML_END);
    bool known = false;

    if (strcmp(s, "'<|im_start|>'+message.role+'\n'+message.content+'<|im_end|>\n'") == 0)
        return w->has_body = true;
    if (w->depth > 0 && strcmp(s, "'<|im_start|>assistant\n'") == 0)
        return w->has_opening = true;
    if (strcmp(s, "'<|im_start|>system\n'+messages[0].content+'<|im_end|>\n'") == 0)
        return true;
    if (!take_string(&s, &text) || *s) {
        mi_free(text);
        return false;
    }
    n = strlen(text);
    if (w->depth > 0 && n > head + tail && strncmp(text, CHATML_SYSTEM, head) == 0 &&
        strcmp(text + n - tail, CHATML_END) == 0 && !w->t->default_system) {
        w->t->default_system = mi_strndup(text + head, n - head - tail);
        known = true;
    }
    mi_free(text);
    return known;
}

/* ---- Mistral -------------------------------------------------------------------- */

static const char *const mistral_conditions[] = {
    "messages[0].role=='system'",
    "message.role=='user'",
    "message.role=='assistant'",
    "message.role=='system'",
    NULL,
};

static const char *const alternations[] = {
    "(message.role=='user')!=(loop.index0%2==0)",
    "(message.role=='user')!=(ns.index%2==0)", /* counted without the messages of tools */
    NULL,
};

static bool mistral_condition(struct walk *w, const char *s)
{
    if (strcmp(s, "loop.first and system_message is defined") == 0) {
        w->next_system = MI_SYSTEM_FIRST;
        return true;
    }
    if (strcmp(s, "loop.last and system_message is defined") == 0) {
        w->next_system = MI_SYSTEM_LAST;
        return true;
    }
    return is_one_of(s, alternations) || is_one_of(s, mistral_conditions);
}

/* Keeps `text` as *slot, or sees that it is what stands there. Takes text over. */
static bool keep(char **slot, char *text)
{
    bool same = !*slot || strcmp(*slot, text) == 0;

    if (*slot)
        mi_free(text);
    else
        *slot = text;
    return same;
}

/* OPEN+[system_message+'\n\n'+]message.content+CLOSE */
static bool mistral_user(struct walk *w, const char *s)
{
    struct mi_chat_template *t = w->t;
    char *open = NULL, *close = NULL;
    bool has_system, known, is_own;

    known = take_string(&s, &open) && take(&s, "+");
    has_system = known && take(&s, "system_message+'\n\n'+");
    known = known && take(&s, "message.content+") && take_string(&s, &close) && !*s;
    is_own = known && strstr(open, "[SYSTEM_PROMPT]") && strstr(close, "[/SYSTEM_PROMPT]");
    known = known && (is_own || (strstr(open, "[INST]") && strstr(close, "[/INST]")));
    known = known && has_system == (w->next_system != MI_SYSTEM_NONE);
    if (!known) {
        mi_free(open);
        mi_free(close);
        return false;
    }
    if (has_system)
        t->system = w->next_system;
    else if (is_own)
        t->system = MI_SYSTEM_OWN;
    w->next_system = MI_SYSTEM_NONE;
    known = keep(is_own ? &t->system_open : &t->user_open, open);
    return keep(is_own ? &t->system_close : &t->user_close, close) && known;
}

/* [OPEN+]message.content[|trim]+eos_token[+CLOSE] */
static bool mistral_assistant(struct walk *w, const char *s)
{
    struct mi_chat_template *t = w->t;
    char *open = NULL, *close = NULL;
    struct mi_buf end = {0};
    bool known = !take_string(&s, &open) || take(&s, "+");

    known = known && take(&s, "message.content");
    t->trims = known && take(&s, "|trim");
    known = known && take(&s, "+eos_token") && (!take(&s, "+") || take_string(&s, &close)) && !*s;
    known = known && !t->assistant_open;
    if (known) {
        mi_buf_add_text(&end, "</s>");
        mi_buf_add_text(&end, close ? close : "");
        t->assistant_open = open ? open : mi_strdup("");
        t->assistant_close = mi_strndup(mi_buf_text(&end), end.len);
        open = NULL;
        w->has_opening = true;
    }
    mi_free(open);
    mi_free(close);
    mi_buf_free(&end);
    return known;
}

static bool mistral_output(struct walk *w, const char *s)
{
    if (mistral_user(w, s))
        return w->has_body = true;
    return mistral_assistant(w, s);
}

/* ---- statements ------------------------------------------------------------------- */

static const char *const settings[] = {
    "set add_generation_prompt=false",
    "set loop_messages=messages",
    "set loop_messages=messages[1:]",
    "set system_message=messages[0].content",
    "set user_messages=loop_messages|selectattr('role','equalto','user')|list",
    "set ns=namespace()",
    "set ns.index=0",
    "set ns.index=ns.index+1",
    NULL,
};

/* Speaks of tools, other than to say that there are none. */
static bool is_for_tools(const char *s)
{
    static const char none[] = "not message.tool_calls";

    while (*s) {
        if (strncmp(s, none, sizeof none - 1) == 0)
            s += sizeof none - 1;
        else if (strncmp(s, "tool", 4) == 0)
            return true;
        else
            s++;
    }
    return false;
}

static bool known_condition(struct walk *w, const char *s)
{
    if (w->t->kind == MI_CHAT_MISTRAL)
        return mistral_condition(w, s);
    if (strcmp(s, QWEN_TURNS) == 0)
        w->t->any_role = false;
    return is_one_of(s, chatml_conditions);
}

static bool open_frame(struct walk *w, bool is_tools)
{
    bool outer = w->depth > 0 && w->in_tools[w->depth - 1];

    if (w->depth == MAX_DEPTH)
        return false;
    w->in_tools[w->depth++] = outer || is_tools;
    return true;
}

/* The next branch of an if: `is_tools` within what is not already for tools. */
static bool next_branch(struct walk *w, bool is_tools)
{
    if (w->depth == 0)
        return false;
    w->depth--;
    return open_frame(w, is_tools);
}

static bool known_statement(struct walk *w, const char *s)
{
    bool skip = w->depth > 0 && w->in_tools[w->depth - 1], tools;

    if (take(&s, "if ") || (strncmp(s, "if(", 3) == 0 && take(&s, "if"))) {
        if (is_one_of(s, alternations))
            w->t->alternates = true;
        tools = is_for_tools(s);
        return open_frame(w, tools) && (skip || tools || known_condition(w, s));
    }
    if (take(&s, "elif ") || (strncmp(s, "elif(", 5) == 0 && take(&s, "elif"))) {
        skip = w->depth > 1 && w->in_tools[w->depth - 2];
        /* after QWEN_TURNS only an assistant that calls tools is left */
        tools = is_for_tools(s) || (w->t->kind == MI_CHAT_CHATML && !w->t->any_role &&
                                    strcmp(s, "message.role=='assistant'") == 0);
        return next_branch(w, tools) && (skip || tools || known_condition(w, s));
    }
    if (strcmp(s, "else") == 0)
        return next_branch(w, false);
    if (strcmp(s, "endif") == 0 || strcmp(s, "endfor") == 0)
        return w->depth-- > 0;
    if (take(&s, "for ")) {
        bool is_turns =
            strcmp(s, "message in messages") == 0 || strcmp(s, "message in loop_messages") == 0;

        return open_frame(w, !is_turns && is_for_tools(s)) && (is_turns || skip || is_for_tools(s));
    }
    return skip || is_one_of(s, settings);
}

static bool known_output(struct walk *w, const char *s)
{
    if (w->depth > 0 && w->in_tools[w->depth - 1])
        return true;
    if (strcmp(s, "bos_token") == 0) {
        w->writes_bos = true;
        return !w->has_body && w->depth == 0;
    }
    if (strncmp(s, "raise_exception(", 16) == 0)
        return true;
    return w->t->kind == MI_CHAT_MISTRAL ? mistral_output(w, s) : chatml_output(w, s);
}

static bool known_item(struct walk *w, const struct mi_template_item *it)
{
    if (it->kind == MI_ITEM_OUTPUT)
        return known_output(w, it->text);
    if (it->kind == MI_ITEM_STATEMENT)
        return known_statement(w, it->text);
    return w->depth > 0 && w->in_tools[w->depth - 1];
}

bool mi_chat_detect(struct mi_chat_template *t, enum mi_chat_kind kind, const char *source,
                    bool *writes_bos, char *why, size_t why_size)
{
    struct walk w = {.t = t};
    struct mi_template items;
    struct mi_error err = {0};
    bool known = true;

    *t = (struct mi_chat_template){.kind = kind, .any_role = true};
    if (mi_template_parse(&items, source, &err) < 0) {
        snprintf(why, why_size, "%s", err.text);
        *t = (struct mi_chat_template){0};
        return false;
    }
    snprintf(why, why_size, "no turns in it");
    for (size_t i = 0; i < items.n && known; i++) {
        known = known_item(&w, &items.item[i]);
        if (!known)
            snprintf(why, why_size, "not known: %.120s", mi_quote(items.item[i].text));
    }
    mi_template_free(&items);
    known = known && w.has_body && w.has_opening && w.depth == 0;
    *writes_bos = w.writes_bos;
    if (!known)
        mi_chat_free(t);
    return known;
}
