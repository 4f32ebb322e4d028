#include "engine/app/commands/netsh_completion.h"

#include <array>
#include <span>

#include "engine/policy/condition_data.h"
#include "engine/policy/field.h"
#include "engine/policy/layer.h"
#include "engine/policy/match_type.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::app {
namespace {

constexpr std::string_view kVerbs[] = {"add",  "delete", "show", "netsh", "rpc",  "filter",
                                       "help", "..",     "quit", "bye",   "exit", "/?"};
constexpr std::string_view kObjects[] = {"rule", "condition", "filter"};
constexpr std::string_view kDeletable[] = {"rule", "filter"};
constexpr std::string_view kShowable[] = {"filter"};
constexpr std::string_view kRuleTags[] = {
    "layer=", "actiontype=", "filterkey=", "persistence=", "audit=", "auditparameters="};
constexpr std::string_view kConditionTags[] = {"field=", "matchtype=", "data="};
constexpr std::string_view kDeleteTags[] = {"filterkey="};

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; at <= line.size();) {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    if (end > at || end == line.size()) words.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

class Candidates {
 public:
  explicit Candidates(std::string_view beginning) : beginning_(beginning) {}

  void offer(std::string_view word) {
    if (policy::starts_with_ignoring_case(word, beginning_)) words_.emplace_back(word);
  }
  void offer(std::span<const std::string_view> words) {
    for (const std::string_view word : words) offer(word);
  }
  void offer_value(std::string_view tag, std::string_view value) {
    offer(std::string(tag).append(value));
  }
  std::vector<std::string> take() { return std::move(words_); }

 private:
  std::string_view beginning_;
  std::vector<std::string> words_;
};

// The values of a tag, for the tags that have a list of them.
void offer_values(std::string_view tag, Candidates& candidates) {
  if (tag == "layer=") {
    for (std::size_t i = 0; i < policy::kLayerCount; ++i) {
      candidates.offer_value(tag, to_string(static_cast<policy::Layer>(i)));
    }
  } else if (tag == "actiontype=") {
    for (const policy::Action action :
         {policy::Action::block, policy::Action::permit, policy::Action::continue_}) {
      candidates.offer_value(tag, to_string(action));
    }
  } else if (tag == "persistence=") {
    candidates.offer_value(tag, "persistent");
    candidates.offer_value(tag, "volatile");
  } else if (tag == "audit=" || tag == "auditparameters=") {
    candidates.offer_value(tag, "enable");
  } else if (tag == "field=") {
    for (std::size_t i = 0; i < policy::kFieldCount; ++i) {
      candidates.offer_value(tag, to_string(static_cast<policy::Field>(i)));
    }
  } else if (tag == "matchtype=") {
    for (std::size_t i = 0; i < policy::kMatchTypeCount; ++i) {
      candidates.offer_value(tag, to_string(static_cast<policy::MatchType>(i)));
    }
  } else if (tag == "filterkey=") {
    candidates.offer_value(tag, "all");
  } else if (tag == "data=") {
    for (std::uint64_t i = 0; i < 8; ++i) {
      if (!policy::protocol_name(i).empty()) candidates.offer_value(tag, policy::protocol_name(i));
    }
  }
}

std::span<const std::string_view> tags_of(std::string_view verb, std::string_view object) {
  if (verb == "add" && object == "rule") return kRuleTags;
  if (verb == "add" && object == "condition") return kConditionTags;
  if (verb == "delete" && object == "filter") return kDeleteTags;
  return {};
}

}  // namespace

std::vector<std::string> netsh_completions(std::string_view line) {
  std::vector<std::string_view> words = words_of(line);
  Candidates candidates(words.back());
  const std::string last = policy::to_lower(words.back());
  words.pop_back();
  while (!words.empty() && (words[0] == "netsh" || words[0] == "rpc" || words[0] == "filter")) {
    words.erase(words.begin());
  }
  if (words.empty()) {
    candidates.offer(kVerbs);
    return candidates.take();
  }
  const std::string verb = policy::to_lower(words[0]);
  if (words.size() == 1) {
    if (verb == "add") candidates.offer(kObjects);
    if (verb == "delete") candidates.offer(kDeletable);
    if (verb == "show") candidates.offer(kShowable);
    return candidates.take();
  }
  const std::size_t equals = last.find('=');
  if (equals != std::string::npos) {
    offer_values(last.substr(0, equals + 1), candidates);
    return candidates.take();
  }
  for (const std::string_view tag : tags_of(verb, policy::to_lower(words[1]))) {
    bool is_given = false;
    for (const std::string_view word : words) {
      is_given = is_given || policy::starts_with_ignoring_case(word, tag);
    }
    if (!is_given) candidates.offer(tag);
  }
  return candidates.take();
}

}  // namespace rpcaudit::app
