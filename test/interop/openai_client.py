"""The official Python client, unmodified, against a running Parapet: only base_url and api_key are ours."""

import json
import os
import unittest

import openai
from pydantic import BaseModel

BASE_URL = os.environ["PARAPET_URL"] + "/v1"
HELLO = "Hello from the scripted provider."
LONG = "One two three four five six seven eight nine ten. " * 20
QUESTION = [{"role": "user", "content": "What is the weather in Paris?"}]
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


class Verdict(BaseModel):
    answer: str
    count: int


class ChatCompletions(unittest.TestCase):
    def setUp(self):
        self.client = openai.OpenAI(base_url=BASE_URL, api_key=os.environ["PARAPET_KEY"], max_retries=0)
        self.addCleanup(self.client.close)

    def test_answers_with_usage(self):
        completion = self.client.chat.completions.create(model="scripted/ok", messages=QUESTION)
        self.assertEqual(completion.choices[0].message.content, HELLO)
        self.assertEqual(completion.usage.completion_tokens, 5)

    def test_streams_with_usage(self):
        stream = self.client.chat.completions.create(
            model="scripted/long-20", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
        self.assertEqual(text, LONG)
        self.assertEqual(chunks[-1].usage.completion_tokens, 20)

    def test_stream_helper(self):
        with self.client.chat.completions.stream(model="scripted/ok", messages=QUESTION) as stream:
            for _event in stream:
                pass
            self.assertEqual(stream.get_final_completion().choices[0].message.content, HELLO)

    def test_parses_into_a_model(self):
        completion = self.client.chat.completions.parse(
            model="scripted/json", messages=QUESTION, response_format=Verdict
        )
        self.assertEqual(completion.choices[0].message.parsed, Verdict(answer="yes", count=2))

    def test_tool_round_trip(self):
        tools = [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}]
        asked = self.client.chat.completions.create(
            model="scripted/tool-then-answer", messages=QUESTION, tools=tools
        )
        message = asked.choices[0].message
        call = message.tool_calls[0]
        self.assertEqual(json.loads(call.function.arguments), {"city": "Paris"})
        answered = self.client.chat.completions.create(
            model="scripted/tool-then-answer",
            messages=[*QUESTION, message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}],
            tools=tools,
        )
        self.assertEqual(answered.choices[0].message.content, "It is sunny in Paris.")

    def test_errors_have_their_classes(self):
        cases = [
            ("scripted/nothing", openai.NotFoundError),
            ("scripted/400", openai.BadRequestError),
            ("scripted/429", openai.RateLimitError),
            ("scripted/500", openai.InternalServerError),
        ]
        for model, expected in cases:
            with self.subTest(model), self.assertRaises(expected):
                self.client.chat.completions.create(model=model, messages=QUESTION)
        with self.assertRaises(openai.AuthenticationError):
            self.client.with_options(api_key="wrong").models.list()

    def test_a_broken_stream_raises(self):
        with self.assertRaises(openai.APIError):
            list(
                self.client.chat.completions.create(
                    model="scripted/cut-mid-stream", messages=QUESTION, stream=True
                )
            )

    def test_embeddings_and_models(self):
        embedded = self.client.embeddings.create(model="scripted/embed", input=["one", "two"])
        self.assertEqual([item.index for item in embedded.data], [0, 1])
        self.assertIn("auto", [model.id for model in self.client.models.list()])


class Responses(unittest.TestCase):
    def setUp(self):
        self.client = openai.OpenAI(base_url=BASE_URL, api_key=os.environ["PARAPET_KEY"], max_retries=0)
        self.addCleanup(self.client.close)

    def test_answers_and_continues(self):
        first = self.client.responses.create(model="scripted/ok", input="Say hello.")
        self.assertEqual(first.output_text, HELLO)
        second = self.client.responses.create(
            model="scripted/echo", input="And again.", previous_response_id=first.id
        )
        self.assertEqual(second.output_text, "And again.")

    def test_streams(self):
        with self.client.responses.stream(model="scripted/long-20", input="Count.") as stream:
            text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
            self.assertEqual(text, LONG)
            self.assertEqual(stream.get_final_response().status, "completed")

    def test_parses_into_a_model(self):
        response = self.client.responses.parse(model="scripted/json", input="Is it?", text_format=Verdict)
        self.assertEqual(response.output_parsed, Verdict(answer="yes", count=2))

    def test_calls_a_tool(self):
        response = self.client.responses.create(
            model="scripted/tool-call",
            input="What is the weather in Paris?",
            tools=[{"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": True}],
        )
        calls = [item for item in response.output if item.type == "function_call"]
        self.assertEqual(json.loads(calls[0].arguments), {"city": "Paris"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
