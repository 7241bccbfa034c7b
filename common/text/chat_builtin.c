/* Templates for files that hold none: chosen by name, never guessed. The ends of turns are
 * spelled out, whatever a file calls its EOS. */
#include "text/chat.h"

#include <string.h>

#define EACH      "{% for message in messages %}"
#define PROMPT(s) "{% if add_generation_prompt %}{{ '" s "' }}{% endif %}"
#define ALTERNATE(role, index)                                                  \
    "{% if (" role " == 'user') != (" index " % 2 == 0) %}{{ raise_exception('" \
    "Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
#define BOS      "{{ bos_token }}"
#define ONLY_TWO "{{ raise_exception('Only user and assistant roles are supported!') }}"

const char mi_chat_names[] = "chatml, llama2, llama3, mistral, gemma, zephyr, phi3";

static const struct mi_chat_named ours[] = {
    {"chatml",
     EACH "{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
          "{% endfor %}" PROMPT("<|im_start|>assistant\\n")},
    {"mistral",
     BOS EACH ALTERNATE(
         "message.role",
         "loop.index0") "{% if message.role == 'user' %}{{ '[INST] ' + message.content + ' "
                        "[/INST]' }}"
                        "{% elif message.role == 'assistant' %}{{ message.content + '</s> ' }}"
                        "{% else %}" ONLY_TWO "{% endif %}{% endfor %}"},
    {"llama2",
     "{% if messages[0].role == 'system' %}{% set rest = messages[1:] %}"
     "{% set system = messages[0].content %}"
     "{% else %}{% set rest = messages %}{% set system = false %}{% endif %}"
     "{% for message in rest %}" ALTERNATE(
         "message.role", "loop.index0") "{% if message.role == 'user' %}" BOS "{{ '[INST] ' }}"
                                        "{% if loop.first and system %}{{ '<<SYS>>\\n' + system + "
                                        "'\\n<</SYS>>\\n\\n' }}{% endif %}"
                                        "{{ message.content.strip() + ' [/INST]' }}"
                                        "{% elif message.role == 'assistant' %}{{ ' ' + "
                                        "message.content.strip() + ' </s>' }}"
                                        "{% else %}" ONLY_TWO "{% endif %}{% endfor %}"},
    {"llama3", BOS EACH "{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + "
                        "message.content | trim + '<|eot_id|>' }}{% endfor %}" PROMPT(
                            "<|start_header_id|>assistant<|end_header_id|>\\n\\n")},
    {"gemma", BOS
     "{% if messages[0].role == 'system' %}"
     "{{ raise_exception('System role not supported') }}{% endif %}" EACH ALTERNATE(
         "message.role",
         "loop.index0") "{{ '<start_of_turn>' + ('model' if message.role == 'assistant' else "
                        "message.role) + "
                        "'\\n' + message.content | trim + '<end_of_turn>\\n' }}{% endfor %}" PROMPT(
                            "<start_of_turn>model\\n")},
    {"zephyr",
     EACH "{{ '<|' + message.role + '|>\\n' + message.content + '</s>\\n' }}{% endfor %}" PROMPT(
         "<|assistant|>\\n")},
    {"phi3",
     EACH "{{ '<|' + message.role + '|>\\n' + message.content + '<|end|>\\n' }}{% endfor %}" PROMPT(
         "<|assistant|>\\n")},
};

const char *mi_chat_builtin(const char *name)
{
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (strcmp(ours[i].name, name) == 0)
            return ours[i].source;
    return NULL;
}
