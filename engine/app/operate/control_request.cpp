#include "engine/app/operate/control_request.h"

#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>

namespace rpcaudit::app {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

// Nested values are read with a stack of RapidJSON's own, not with that of the thread.
constexpr unsigned kReading =
    rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

constexpr std::array kCommands = {ControlCommand::status, ControlCommand::stats,
                                  ControlCommand::reload, ControlCommand::rotate,
                                  ControlCommand::stop,   ControlCommand::netsh};
constexpr rapidjson::SizeType kWordsMax = 1000;

void write_text(Writer& writer, std::string_view text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

std::string_view text_of(const rapidjson::Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

// A text that is UTF-8: RapidJSON takes the escape of a lone surrogate, which makes none.
bool is_text(const rapidjson::Value& value) {
  if (!value.IsString()) return false;
  rapidjson::MemoryStream stream(value.GetString(), value.GetStringLength());
  rapidjson::StringBuffer unused;
  while (stream.Tell() < value.GetStringLength()) {
    if (!rapidjson::UTF8<>::Validate(stream, unused)) return false;
  }
  return true;
}

const rapidjson::Value* find(const rapidjson::Value& object, const char* key) {
  const auto found = object.FindMember(key);
  return found == object.MemberEnd() ? nullptr : &found->value;
}

bool read_object(std::string_view text, rapidjson::Document& document) {
  document.Parse<kReading>(text.data(), text.size());
  return !document.HasParseError() && document.IsObject();
}

bool read_words(const rapidjson::Value& words, std::vector<std::string>& out) {
  if (!words.IsArray() || words.Size() > kWordsMax) return false;
  for (const rapidjson::Value& word : words.GetArray()) {
    if (!is_text(word)) return false;
    out.emplace_back(text_of(word));
  }
  return true;
}

}  // namespace

std::string_view to_string(ControlCommand command) noexcept {
  switch (command) {
    case ControlCommand::status: return "status";
    case ControlCommand::stats: return "stats";
    case ControlCommand::reload: return "reload";
    case ControlCommand::rotate: return "rotate";
    case ControlCommand::stop: return "stop";
    case ControlCommand::netsh: return "netsh";
  }
  return "";
}

std::optional<ControlCommand> parse_control_command(std::string_view word) noexcept {
  const auto found = std::find_if(kCommands.begin(), kCommands.end(),
                                  [word](ControlCommand one) { return to_string(one) == word; });
  return found == kCommands.end() ? std::nullopt : std::optional(*found);
}

std::string write_request(const ControlRequest& request) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("command");
  write_text(writer, to_string(request.command));
  writer.Key("format");
  write_text(writer, request.as_json ? "json" : "text");
  if (!request.words.empty()) {
    writer.Key("words");
    writer.StartArray();
    for (const std::string& word : request.words) write_text(writer, word);
    writer.EndArray();
  }
  if (!request.script.empty()) {
    writer.Key("script");
    write_text(writer, request.script);
  }
  writer.EndObject();
  return buffer.GetString();
}

std::optional<ControlRequest> read_request(std::string_view line, std::string& error) {
  rapidjson::Document document;
  if (line.size() > kRequestBytesMax || !read_object(line, document)) {
    error = "a request is one line with a JSON object";
    return std::nullopt;
  }
  ControlRequest request;
  const rapidjson::Value* const command = find(document, "command");
  const auto parsed = command != nullptr && command->IsString()
                          ? parse_control_command(text_of(*command))
                          : std::nullopt;
  if (!parsed) {
    error = "`command` is status, stats, reload, rotate, stop or netsh";
    return std::nullopt;
  }
  request.command = *parsed;
  if (const rapidjson::Value* const format = find(document, "format"); format != nullptr) {
    const std::string_view text = format->IsString() ? text_of(*format) : std::string_view();
    if (text != "json" && text != "text") {
      error = "`format` is json or text";
      return std::nullopt;
    }
    request.as_json = text == "json";
  }
  const rapidjson::Value* const words = find(document, "words");
  if (words != nullptr && !read_words(*words, request.words)) {
    error = "`words` is an array of texts";
    return std::nullopt;
  }
  if (const rapidjson::Value* const script = find(document, "script"); script != nullptr) {
    if (!is_text(*script)) {
      error = "`script` is a text";
      return std::nullopt;
    }
    request.script = text_of(*script);
  }
  return request;
}

std::string write_answer(const ControlAnswer& answer) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("status");
  writer.Int(answer.status);
  writer.Key("out");
  write_text(writer, answer.out);
  writer.Key("err");
  write_text(writer, answer.err);
  writer.EndObject();
  return std::string(buffer.GetString()) + '\n';
}

std::optional<ControlAnswer> read_answer(std::string_view text) {
  rapidjson::Document document;
  if (!read_object(text, document)) return std::nullopt;
  const rapidjson::Value* const status = find(document, "status");
  const rapidjson::Value* const out = find(document, "out");
  const rapidjson::Value* const err = find(document, "err");
  if (status == nullptr || !status->IsInt() || out == nullptr || !is_text(*out) || err == nullptr ||
      !is_text(*err)) {
    return std::nullopt;
  }
  return ControlAnswer{status->GetInt(), std::string(text_of(*out)), std::string(text_of(*err))};
}

}  // namespace rpcaudit::app
