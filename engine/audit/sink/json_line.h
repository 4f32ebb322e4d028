#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>

#include "dissect/uuid.h"
#include "engine/audit/text/output_buffer.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::audit {

// Writes one JSON object as one line, straight into an OutputBuffer. Keys are trusted to need no
// escapes; so are the values of plain(). Objects must be closed in the order in which they opened.
class JsonLine {
 public:
  explicit JsonLine(OutputBuffer& out) : out_(out) { out_.append('{'); }
  JsonLine(const JsonLine&) = delete;
  JsonLine& operator=(const JsonLine&) = delete;

  void number(std::string_view key, std::uint64_t value) {
    begin(key);
    char* const at = out_.reserve(kNumberSizeMax);
    out_.commit(std::to_chars(at, at + kNumberSizeMax, value).ptr);
  }
  void plain(std::string_view key, std::string_view value) {
    begin(key);
    out_.append('"');
    out_.append(value);
    out_.append('"');
  }
  void text(std::string_view key, std::string_view value) {
    begin(key);
    out_.append('"');
    append_json_escaped(out_, value);
    out_.append('"');
  }
  void uuid(std::string_view key, const Uuid& value) {
    begin(key);
    char* at = out_.reserve(kUuidTextSize + 2);
    *at++ = '"';
    at = write_uuid(value, at);
    *at++ = '"';
    out_.commit(at);
  }
  void truth(std::string_view key) {
    begin(key);
    out_.append("true");
  }
  // A value that write_value(char*) writes, at most `size_max` characters.
  template <typename WriteValue>
  void raw(std::string_view key, std::size_t size_max, WriteValue write_value) {
    begin(key);
    out_.commit(write_value(out_.reserve(size_max)));
  }
  // Members that were written before, `"key":value,...` without outer commas.
  void members(std::string_view rendered) {
    comma();
    out_.append(rendered);
  }

  void open(std::string_view key) {
    begin(key);
    out_.append('{');
    first_ = true;
  }
  void close() {
    out_.append('}');
    first_ = false;
  }
  void open_array(std::string_view key) {
    begin(key);
    out_.append('[');
    first_ = true;
  }
  void element(std::string_view plain_value) {
    comma();
    out_.append('"');
    out_.append(plain_value);
    out_.append('"');
  }
  // An element that may need escapes.
  void element_text(std::string_view value) {
    comma();
    out_.append('"');
    append_json_escaped(out_, value);
    out_.append('"');
  }
  void open_element() {
    comma();
    out_.append('{');
    first_ = true;
  }
  void close_array() {
    out_.append(']');
    first_ = false;
  }

  // Ends the object and the record.
  void end() {
    out_.append("}\n");
    out_.end_record();
  }

 private:
  static constexpr std::size_t kNumberSizeMax = 20;

  void comma() {
    if (!first_) out_.append(',');
    first_ = false;
  }
  void begin(std::string_view key) {
    char* at = out_.reserve(key.size() + 4);
    if (!first_) *at++ = ',';
    first_ = false;
    *at++ = '"';
    std::memcpy(at, key.data(), key.size());
    at += key.size();
    *at++ = '"';
    *at++ = ':';
    out_.commit(at);
  }

  OutputBuffer& out_;
  bool first_ = true;
};

}  // namespace rpcaudit::audit
