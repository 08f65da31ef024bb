"""How people ask: instructions per task and language. Variety keeps them from being passwords."""

from __future__ import annotations

SPEAKER = {"agent": "係", "user": "客"}

DESK = [
    "あなたは宿の予約係です。",
    "あなたは旅行会社の受付です。お客様のご希望を伺ってください。",
    "宿泊の相談に丁寧に答えてください。",
    "You are the reservation desk of an inn. Answer in Japanese.",
]
GUEST = [
    "あなたは宿を探している客です。",
    "宿泊先を相談する客として話してください。",
    "You are a guest looking for a place to stay. Speak Japanese.",
]

ASK: dict[str, dict[str, list[str]]] = {
    "to_japanese": {
        "en": [
            "日本語に訳してください。",
            "次の英文を日本語にしてください。",
            "和訳:",
            "Translate into Japanese.",
            "Say this in Japanese:",
            "Translate from English to Japanese:",
        ],
        "ja": ["日本語に訳してください。", "Translate into Japanese."],
    },
    "to_english": {
        "ja": [
            "英語に訳してください。",
            "次の文を英語にしてください。",
            "英訳:",
            "Translate into English.",
            "Say this in English:",
            "Translate from Japanese to English:",
        ],
        "en": ["英語に訳してください。", "Translate into English."],
    },
    "statement_in_context": {
        "ja": [
            "客の最後の発話を、それだけで分かる文にしてください。",
            "会話の最後で客が言いたいことは何ですか。",
            "最後の発話の意味を一文ずつ書いてください。",
            "What does the guest mean in the last line? Answer in Japanese.",
        ],
        "en": ["What does the guest mean in the last line?"],
    },
    "statement": {
        "ja": [
            "次の発話を分かりやすい文にしてください。",
            "言いたいことを簡潔に書いてください。",
            "要点を書いてください。",
            "Put the request plainly, in Japanese.",
        ],
        "en": ["Put the request plainly."],
    },
    "utterance": {
        "ja": [
            "このことを係に伝える言い方をしてください。",
            "次の内容を話し言葉で言ってください。",
            "お客様ならどう言いますか。",
        ],
        "en": ["How would a guest say this?"],
    },
    "conditions": {
        "ja": ["希望の条件を書き出してください。", "お客様の希望をまとめてください。"],
        "en": ["List what the guest wants."],
    },
    "repair": {
        "ja": [
            "誤字や脱字を直してください。",
            "正しい文にしてください。",
            "入力ミスを直してください。",
            "Correct the typing mistakes.",
        ],
        "en": [
            "Correct the mistakes.",
            "Fix the typing mistakes:",
            "Rewrite this correctly.",
            "What did the writer mean to type?",
            "誤字を直してください。",
        ],
    },
    "keywords": {
        "ja": ["キーワードを挙げてください。", "大事な言葉は何ですか。", "キーワード:", "Keywords?"],
        "en": [
            "List the keywords.",
            "Which words matter most?",
            "Give the key terms of this message.",
            "キーワードを挙げてください。",
        ],
    },
    "sentence": {
        "ja": ["次の言葉を使って文を作ってください。", "この言葉で質問や要望を書いてください。"],
        "en": ["Write a sentence with these words.", "Write a question or request using:"],
    },
    "reword": {
        "ja": [
            "別の言い方をしてください。",
            "似た意味の文を書いてください。",
            "言い換えてください。",
            "Say it in another way.",
        ],
        "en": [
            "Say it in another way.",
            "Write a similar message.",
            "Rephrase this.",
            "How else could a customer ask this?",
            "言い換えてください。",
        ],
    },
    "subject": {
        "ja": ["何の話ですか。", "話題を答えてください。", "分類してください。", "What is this about?"],
        "en": [
            "What is this about?",
            "Name the subject.",
            "Classify the message.",
            "Which group does this belong to?",
            "話題を答えてください。",
        ],
    },
    "central": {
        "ja": [
            "この質問を代表する文を答えてください。",
            "同じ種類の代表的な文は何ですか。",
            "Give the typical message of this kind.",
        ],
        "en": [
            "Give the typical message of this kind.",
            "Which standard question is this?",
            "Find the matching entry.",
        ],
    },
    "choose": {
        "ja": [
            "最初の文と同じ意味のものを選んでください。",
            "一番近い内容の文はどれですか。",
            "Which line means the same as the first?",
        ],
        "en": [
            "Which line means the same as the first?",
            "Choose the closest line.",
            "最初の文に一番近いものを選んでください。",
        ],
    },
    "order": {
        "ja": ["文を正しい順に並べてください。"],
        "en": ["Put the sentences in order."],
    },
}
