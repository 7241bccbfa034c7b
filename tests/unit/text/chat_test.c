/* Templates as models have them, and the strings that jinja2 renders them to. */
#include "text/chat.h"

#include "../tap.h"

#include <string.h>

static const char smollm[] =
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ "
    "'<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    "<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' "
    "}}{% endif %}";
static const char chatml[] =
    "{{ bos_token }}{%- for message in messages -%}\n"
    "    {{- \"<|im_start|>\" ~ message.role ~ \"\\n\" ~ message.content ~ \"<|im_end|>\\n\" }}\n"
    "{%- endfor %}\n"
    "{% if add_generation_prompt %}\n"
    "    {{- '<|im_start|>assistant\\n' }}\n"
    "{%- endif %}\n";
/* In the manner of Qwen2.5: tools aside. */
static const char qwen[] =
    "{%- if tools %}\n    {{- '<|im_start|>system\\n' }}\n    {%- for tool in tools %}\n"
    "        {{- tool | tojson }}\n    {%- endfor %}\n    {{- \"x<|im_end|>\\n\" }}\n{%- else %}\n"
    "    {%- if messages[0]['role'] == 'system' %}\n"
    "        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}\n"
    "    {%- else %}\n"
    "        {{- '<|im_start|>system\\nYou\\'re \"here\" to help.<|im_end|>\\n' }}\n"
    "    {%- endif %}\n{%- endif %}\n{%- for message in messages %}\n"
    "    {%- if (message.role == \"user\") or (message.role == \"system\" and not loop.first) or "
    "(message.role == \"assistant\" and not message.tool_calls) %}\n"
    "        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' "
    "}}\n"
    "    {%- elif message.role == \"assistant\" %}\n        {{- '<|im_start|>' + message.role }}\n"
    "    {%- elif message.role == \"tool\" %}\n        {{- message.content }}\n    {%- endif %}\n"
    "{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n"
    "{%- endif %}\n";
#define INST(open, close, end)                                                                     \
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != "            \
    "(loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate') }}{% endif " \
    "%}{% if message['role'] == 'user' %}{{ '" open "' + message['content'] + '" close             \
    "' }}{% elif message['role'] == 'assistant' %}{{ " end                                         \
    "}}{% else %}{{ raise_exception('Only user and assistant') }}{% endif %}{% endfor %}"
static const char mistral1[] = INST("[INST] ", " [/INST]", "message['content'] + eos_token + ' ' ");
static const char mistral2[] = INST("[INST] ", " [/INST]", "message['content'] + eos_token");
static const char mistral3[] =
    "{%- if messages[0][\"role\"] == \"system\" %}\n"
    "    {%- set system_message = messages[0][\"content\"] %}\n"
    "    {%- set loop_messages = messages[1:] %}\n{%- else %}\n"
    "    {%- set loop_messages = messages %}\n{%- endif %}\n{{- bos_token }}\n"
    "{%- for message in loop_messages %}\n    {%- if message[\"role\"] == \"user\" %}\n"
    "        {%- if loop.last and system_message is defined %}\n"
    "            {{- \"[INST] \" + system_message + \"\\n\\n\" + message[\"content\"] + "
    "\"[/INST]\" }}\n        {%- else %}\n"
    "            {{- \"[INST] \" + message[\"content\"] + \"[/INST]\" }}\n        {%- endif %}\n"
    "    {%- elif message[\"role\"] == \"assistant\" %}\n"
    "        {{- \" \" + message[\"content\"]|trim + eos_token}}\n    {%- endif %}\n{%- endfor "
    "%}\n";
static const char mistral7[] =
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] ' + "
    "message['content'] + '[/INST]' }}{% elif message['role'] == 'system' %}{{ '[SYSTEM_PROMPT] ' "
    "+ message['content'] + '[/SYSTEM_PROMPT]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + "
    "message['content'] + eos_token }}{% else %}{{ raise_exception('no') }}{% endif %}{% endfor %}";

#define M(role, text)               \
    {                               \
        role, text, sizeof text - 1 \
    }

static const struct mi_message one[] = {M("user", "Hello")};
static const struct mi_message with_system[] = {M("system", "S"), M("user", "Hello")};
static const struct mi_message three[] = {M("user", "Hello"), M("assistant", "Hi there"),
                                          M("user", "Who are you")};
static const struct mi_message ended[] = {M("user", "Hello"), M("assistant", " Hi there ")};
static const struct mi_message tool[] = {M("user", "Hello"), M("tool", "42")};
static const struct mi_message sneaky[] = {M("user", "<|im_end|>"), M("a<|im_end|>", "x")};
static const struct mi_message dropped[] = {M("system", "S"), M("user", "Hello"),
                                            M("assistant", "Hi")};

static struct mi_rendering out;

/* Renders; NULL and the message in err when it fails. */
static const char *render(const char *name, const char *source, const struct mi_message *m,
                          size_t n, bool open, bool prompt, struct mi_error *err)
{
    struct mi_chat_template t;
    struct mi_chat_model model = {.source = source, .bos = "<s>", .eos = "</s>"};
    const char *text = NULL;

    *err = (struct mi_error){0};
    if (mi_chat_open(&t, name, &model, err) == 0 &&
        mi_chat_render(&t, m, n, open, prompt, &out, err) == 0)
        text = mi_buf_text(&out.text);
    mi_chat_free(&t);
    return text;
}

static void is(const char *what, const char *name, const char *source, const struct mi_message *m,
               size_t n, bool open, bool prompt, const char *want)
{
    struct mi_error err;
    const char *got = render(name, source, m, n, open, prompt, &err);

    if (!ok(got && strcmp(got, want) == 0, "%s", what))
        diag("%s", got ? got : err.text);
}

static void fails(const char *what, const char *name, const char *source,
                  const struct mi_message *m, size_t n, int code, const char *word)
{
    struct mi_error err;
    const char *got = render(name, source, m, n, true, false, &err);

    ok(!got && err.code == code && strstr(err.text, word), "%s: %s", what, got ? got : err.text);
}

#define SMOL                                                                               \
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging " \
    "Face<|im_end|>\n"
#define USER "<|im_start|>user\nHello<|im_end|>\n"

static void test_chatml(void)
{
    is("SmolLM2", NULL, smollm, one, 1, false, true, SMOL USER "<|im_start|>assistant\n");
    is("SmolLM2, no generation prompt", "auto", smollm, one, 1, false, false, SMOL USER);
    is("SmolLM2, system given", NULL, smollm, with_system, 2, false, false,
       "<|im_start|>system\nS<|im_end|>\n" USER);
    is("SmolLM2, three turns", NULL, smollm, three, 3, true, true,
       SMOL USER "<|im_start|>assistant\nHi there<|im_end|>\n<|im_start|>user\nWho are "
                 "you<|im_end|>\n<|im_start|>assistant\n");
    is("an open turn", NULL, smollm, ended, 2, true, true,
       SMOL USER "<|im_start|>assistant\n Hi there ");
    is("a closed one", NULL, smollm, ended, 2, false, false,
       SMOL USER "<|im_start|>assistant\n Hi there <|im_end|>\n");
    is("another after it", NULL, smollm, ended, 2, false, true,
       SMOL USER "<|im_start|>assistant\n Hi there <|im_end|>\n<|im_start|>assistant\n");
    is("any role", NULL, smollm, tool, 2, true, false,
       SMOL USER "<|im_start|>tool\n42<|im_end|>\n");
    is("another layout, with BOS", NULL, chatml, one, 1, true, true,
       "<s>" USER "<|im_start|>assistant\n");
    is("Qwen's layout, default system text", NULL, qwen, one, 1, true, true,
       "<|im_start|>system\nYou're \"here\" to help.<|im_end|>\n" USER "<|im_start|>assistant\n");
    is("Qwen's layout, system given", NULL, qwen, with_system, 2, true, false,
       "<|im_start|>system\nS<|im_end|>\n" USER);
    is("Qwen's layout, a role for tools", NULL, qwen, tool, 2, true, false,
       "<|im_start|>system\nYou're \"here\" to help.<|im_end|>\n" USER "42");
    is("chosen by name", "chatml", NULL, one, 1, true, true, USER "<|im_start|>assistant\n");
    is("chosen by name, not the model's", "chatml", smollm, one, 1, true, false, USER);
    fails("a role that brings markers", NULL, smollm, sneaky, 2, MI_EXIT_DATA, "role");
    fails("no messages", NULL, smollm, one, 0, MI_EXIT_DATA, "without messages");
}

static void test_mistral(void)
{
    is("v0.1", NULL, mistral1, three, 3, true, true,
       "<s>[INST] Hello [/INST]Hi there</s> [INST] Who are you [/INST]");
    is("v0.2", NULL, mistral2, three, 3, true, true,
       "<s>[INST] Hello [/INST]Hi there</s>[INST] Who are you [/INST]");
    is("v0.3", NULL, mistral3, three, 3, true, true,
       "<s>[INST] Hello[/INST] Hi there</s>[INST] Who are you[/INST]");
    is("v0.1, an open turn", NULL, mistral1, ended, 2, true, true,
       "<s>[INST] Hello [/INST] Hi there ");
    is("v0.1, a closed one", NULL, mistral1, ended, 2, false, true,
       "<s>[INST] Hello [/INST] Hi there </s> ");
    is("v0.3 trims the assistant's text", NULL, mistral3, ended, 2, true, false,
       "<s>[INST] Hello[/INST] Hi there");
    is("v0.3, system before the last user text", NULL, mistral3, with_system, 2, true, false,
       "<s>[INST] S\n\nHello[/INST]");
    is("v7, system in its own turn", NULL, mistral7, dropped, 3, true, false,
       "<s>[SYSTEM_PROMPT] S[/SYSTEM_PROMPT][INST] Hello[/INST] Hi");
    is("chosen by name", "mistral", NULL, three, 3, true, true,
       "<s>[INST] Hello [/INST]Hi there</s> [INST] Who are you [/INST]");
    fails("v0.1 has no system message", NULL, mistral1, with_system, 2, MI_EXIT_DATA,
          "no system message");
    fails("v0.1 wants turns", NULL, mistral1, ended + 1, 1, MI_EXIT_DATA, "must alternate");
    fails("v0.3 would drop the system message", NULL, mistral3, dropped, 3, MI_EXIT_DATA, "drops");
    fails("v7 knows no tools", NULL, mistral7, tool, 2, MI_EXIT_DATA, "no");
}

static void test_segments(void)
{
    struct mi_error err;
    size_t at = 0, contents = 0;
    bool whole = true;

    render(NULL, smollm, three, 3, true, true, &err);
    for (size_t i = 0; i < out.n; i++) {
        const struct mi_segment *s = &out.segment[i];

        whole = whole && s->begin == at && s->end > at && s->is_marker == !s->role;
        at = s->end;
        if (!s->is_marker && s->message < 3) {
            contents++;
            whole = whole && s->end - s->begin == three[s->message].len &&
                    memcmp(out.text.data + s->begin, three[s->message].content,
                           three[s->message].len) == 0 &&
                    strcmp(s->role, three[s->message].role) == 0;
        }
    }
    ok(whole && at == out.text.len && contents == 3, "segments cover the text and name contents");
}

/* Any template: what comes from contents is found through what the template does. */
static void test_any(void)
{
    static const char inst2[] =
        "{% for m in messages %}{% if m.role == 'user' %}{{ bos_token + '[INST] ' + "
        "m.content.strip() + ' [/INST]' }}{% else %}{{ ' ' + m.content|trim + ' ' + eos_token }}"
        "{% endif %}{% endfor %}";
    static const char parts[] =
        "{% macro turn(m) %}<{{ m.role }}>{{ m.content.split('/')|join('|') }}{% endmacro %}"
        "{% for m in messages %}{{ turn(m)|replace('<', '[') }}{% endfor %}";
    static const struct mi_message split[] = {M("user", "ab/<cd"), M("assistant", "/e")};
    struct mi_error err;
    const char *text;
    static const size_t want[][4] = {
        {0, 6, SIZE_MAX, 0},
        {6, 8, 0, 0},
        {8, 10, SIZE_MAX, 0},
    };

    is("Llama 2's spaces, an open turn", NULL, inst2, ended, 2, true, true,
       "<s>[INST] Hello [/INST] Hi there");
    text = render(NULL, parts, split, 2, true, true, &err);
    ok(text && strcmp(text, "[user>ab|[cd[assistant>|e") == 0, "through a macro %s", err.text);
    for (size_t i = 0; i < 3; i++)
        ok(i < out.n && out.segment[i].begin == want[i][0] && out.segment[i].end == want[i][1] &&
               out.segment[i].message == want[i][2] && out.segment[i].offset == want[i][3],
           "segment %zu: %zu to %zu of message %zu", i, out.segment[i].begin, out.segment[i].end,
           out.segment[i].message);
    ok(out.n == 6 && out.segment[3].message == 0 && out.segment[3].begin == 10 &&
           out.segment[3].offset == 4 && out.segment[5].message == 1 && out.segment[5].offset == 1,
       "what replace and split left keeps its place (%zu)", out.n);
}

static void test_open(void)
{
    static const struct mi_message empty[] = {M("user", "Hello"), M("assistant", " \n")};
    struct mi_error err;
    struct mi_chat_template t;
    struct mi_chat_named more = {"tool_use", "T{{ messages[0].content }}"};
    struct mi_chat_model model = {.named = &more, .n_named = 1};
    int64_t now = 0;

    is("an open turn without text", NULL, mistral3, empty, 2, true, true,
       "<s>[INST] Hello[/INST] ");
    is("SmolLM2, blanks are kept", NULL, smollm, empty, 2, true, true,
       SMOL USER "<|im_start|>assistant\n \n");
    ok(mi_chat_open(&t, "tool_use", &model, &err) == 0 && strcmp(t.name, "tool_use") == 0,
       "a further template of the model's");
    mi_chat_free(&t);
    is("the text of one", "<{{ messages[0].content }}>", NULL, one, 1, true, true, "<Hello>");
    ok(mi_chat_date("2025-07-10", &now, &err) == 0 && now == 1752105600, "a day");
    ok(mi_chat_date("2024-02-29T23:59:58", &now, &err) == 0 && now == 1709251198, "a time");
    ok(mi_chat_date("2023-02-29", &now, &err) == -MI_EXIT_USAGE &&
           mi_chat_date("today", &now, &err) == -MI_EXIT_USAGE &&
           mi_chat_date("2024-1-01", &now, &err) == -MI_EXIT_USAGE,
       "no days: %s", err.text);
    is("a template that asks for the date",
       "{{ strftime_now('%d %b %Y') }}{{ messages[0].content }}", NULL, one, 1, true, true,
       "01 Jan 1970Hello");
}

static void test_builtin(void)
{
    is("Llama 2", "llama2", NULL, with_system, 2, true, true,
       "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nHello [/INST]");
    is("Llama 2, three turns", "llama2", NULL, three, 3, true, true,
       "<s>[INST] Hello [/INST] Hi there </s><s>[INST] Who are you [/INST]");
    is("Llama 3", "llama3", NULL, one, 1, true, true,
       "<s><|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|>"
       "<|start_header_id|>assistant<|end_header_id|>\n\n");
    is("Gemma", "gemma", NULL, three, 3, true, true,
       "<s><start_of_turn>user\nHello<end_of_turn>\n<start_of_turn>model\nHi there<end_of_turn>\n"
       "<start_of_turn>user\nWho are you<end_of_turn>\n<start_of_turn>model\n");
    is("Zephyr", "zephyr", NULL, with_system, 2, true, true,
       "<|system|>\nS</s>\n<|user|>\nHello</s>\n<|assistant|>\n");
    is("Phi 3", "phi3", NULL, one, 1, true, true, "<|user|>\nHello<|end|>\n<|assistant|>\n");
}

static void test_refusals(void)
{
    fails("no template", NULL, NULL, one, 1, MI_EXIT_DATA, "--template");
    fails("an open tag", NULL, "{{ '<|im_start|>'", one, 1, MI_EXIT_DATA, "does not end");
    fails("an open string", NULL, "{{ '<|im_start|>\\", one, 1, MI_EXIT_DATA, "does not end");
    fails("an open comment", NULL, "{# <|im_start|>", one, 1, MI_EXIT_DATA, "does not end");
    fails("an unknown name", "alpaca", smollm, one, 1, MI_EXIT_USAGE, "'alpaca'");
    fails("a file that is not there", "no/such.jinja", smollm, one, 1, MI_EXIT_SYS, "such.jinja");
    fails("more ends than branches", NULL, "\n{%endif%}", one, 1, MI_EXIT_DATA, "line 2");
    fails("a message that is dropped", NULL, "{{ messages[1].content }}", three, 3, MI_EXIT_DATA,
          "message 1");
    fails("a file is not included", NULL, "{% include '/etc/passwd' %}", one, 1, MI_EXIT_DATA,
          "'include' is not supported");
    is("raw takes contents as they are", "raw", NULL, three, 3, true, true,
       "HelloHi thereWho are you");
}

int main(void)
{
    test_chatml();
    test_mistral();
    test_segments();
    test_any();
    test_open();
    test_builtin();
    test_refusals();
    mi_rendering_free(&out);
    return done();
}
