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
    const char *text = NULL;

    *err = (struct mi_error){0};
    if (mi_chat_open(&t, name, source, "<s>", err) == 0 &&
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
    fails("Qwen's layout, a role for tools", NULL, qwen, tool, 2, MI_EXIT_DATA, "'tool'");
    is("chosen by name", "chatml", NULL, one, 1, true, true, USER "<|im_start|>assistant\n");
    is("chosen by name, particulars of the model", "chatml", smollm, one, 1, true, false,
       SMOL USER);
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
    fails("v0.1 has no system message", NULL, mistral1, with_system, 2, MI_EXIT_DATA, "no system");
    fails("v0.1 wants turns", NULL, mistral1, ended + 1, 1, MI_EXIT_DATA, "in turn");
    fails("v0.3 would drop the system message", NULL, mistral3, dropped, 3, MI_EXIT_DATA, "drops");
    fails("v7 knows no tools", NULL, mistral7, tool, 2, MI_EXIT_DATA, "'tool'");
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

static void test_refusals(void)
{
    char deep[4096] = "{# <|im_start|> #}";

    fails("no template", NULL, NULL, one, 1, MI_EXIT_DATA, "--template");
    fails("an unknown one", NULL, "{{ messages }}", one, 1, MI_EXIT_DATA, "--template");
    fails("another [INST]", NULL, "{{ '[INST] <<SYS>>' }}", one, 1, MI_EXIT_DATA, "not known");
    fails("ChatML with something more", NULL,
          "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + "
          "message['content']|trim + '<|im_end|>' + '\n'}}{% endfor %}",
          one, 1, MI_EXIT_DATA, "not known");
    fails("text between the tags", NULL,
          "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + "
          "message['content'] + '<|im_end|>' + '\n'}} {% endfor %}{% if add_generation_prompt "
          "%}{{ '<|im_start|>assistant\n' }}{% endif %}",
          one, 1, MI_EXIT_DATA, "not known");
    fails("an open tag", NULL, "{{ '<|im_start|>'", one, 1, MI_EXIT_DATA, "does not end");
    fails("an open string", NULL, "{{ '<|im_start|>\\", one, 1, MI_EXIT_DATA, "does not end");
    fails("an open comment", NULL, "{# <|im_start|>", one, 1, MI_EXIT_DATA, "does not end");
    fails("an unknown name", "llama", smollm, one, 1, MI_EXIT_USAGE, "'llama'");
    for (int i = 0; i < 200; i++)
        strcat(deep, "{%if tools%}");
    fails("many branches", NULL, deep, one, 1, MI_EXIT_DATA, "not known");
    fails("more ends than branches", NULL, "{# <|im_start|> #}{%endif%}{%endif%}", one, 1,
          MI_EXIT_DATA, "not known");
    is("raw takes contents as they are", "raw", NULL, three, 3, true, true,
       "HelloHi thereWho are you");
}

int main(void)
{
    test_chatml();
    test_mistral();
    test_segments();
    test_refusals();
    mi_rendering_free(&out);
    return done();
}
