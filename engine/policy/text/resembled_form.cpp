#include "engine/policy/text/resembled_form.h"

#include <algorithm>
#include <string_view>

#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::size_t kLinesCompared = 200;

// A word that files of a form hold, at the beginning of a line or anywhere in it.
struct Sign {
  std::string_view text;
  bool begins_line;
  std::string_view hint;
};

constexpr Sign kSigns[] = {
    {"<wfpdiag", false,
     "it looks like `netsh wfp show filters`: give `netsh rpc filter show filter`"},
    {"<filters", false,
     "it looks like `netsh wfp show filters`: give `netsh rpc filter show filter`"},
    {"<SyncML", false, "it looks like settings of a device management: give a `.reg` export"},
    {"<Event", false, "it looks like an event log: policies are named with `-p`"},
    {"<html", false, "it looks like a page of the web: save its commands as text"},
    {"<!DOCTYPE html", false, "it looks like a page of the web: save its commands as text"},
    {"<?xml", true,
     "it is XML of a form that is not read: give a script, a listing or a `.reg` export"},
    {"New-RpcFilter", false,
     "it looks like a script of DSInternals: give the output of `Get-RpcFilter`"},
    {"param(", true, "it looks like a PowerShell script: give what it sets as a `.reg` export"},
    {"function ", true, "it looks like a PowerShell script: give what it sets as a `.reg` export"},
    {"$", true, "it looks like a PowerShell script: give what it sets as a `.reg` export"},
    {"[[deployment]]", true, "it looks like a deployment file: give it with `-c`"},
    {"---", true, "it looks like YAML: give what it sets as a `.reg` export or a script"},
    {"- name:", true, "it looks like YAML: give what it sets as a `.reg` export or a script"},
    {"{", true, "it looks like JSON: give what it sets as a `.reg` export or a script"},
    {"```", true, "it looks like a Markdown page: save the commands between the fences as text"},
};

bool contains_ignoring_case(std::string_view text, std::string_view part) noexcept {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char a, char b) { return to_lower(a) == to_lower(b); }) != text.end();
}

bool has_sign(const SourceText& source, const Sign& sign) {
  const std::size_t lines = std::min(source.line_count(), kLinesCompared);
  for (std::size_t number = 1; number <= lines; ++number) {
    std::string_view line = source.line(number);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    line = line.substr(0, 4096);
    const bool found = sign.begins_line ? starts_with_ignoring_case(line, sign.text)
                                        : contains_ignoring_case(line, sign.text);
    if (found) return true;
  }
  return false;
}

}  // namespace

std::string resembled_form(const SourceText& source) {
  for (const Sign& sign : kSigns) {
    if (has_sign(source, sign)) return std::string(sign.hint);
  }
  return "known are scripts of netsh, reg, rpccfg and ipseccmd, listings of filters, registry "
         "exports and security templates";
}

}  // namespace rpcaudit::policy
