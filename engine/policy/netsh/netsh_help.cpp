#include "engine/policy/netsh/netsh_help.h"

#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::string_view kNotFound = "The following command was not found";
constexpr std::string_view kSyntax =
    "The syntax supplied for this command is not valid. Check help for the correct syntax.";
constexpr std::string_view kMissing =
    "One or more essential parameters were not entered.\n"
    "Verify the required parameters, and reenter them.\n"
    "The syntax supplied for this command is not valid. Check help for the correct syntax.";

struct Refusal {
  std::string_view code;
  std::string_view text;
};

// The messages of netsh's own frame, and those of the filtering platform (FWP_E_FILTER_NOT_FOUND,
// FWP_E_ALREADY_EXISTS). What netsh says without a rule is not known.
constexpr Refusal kRefusals[] = {
    {"unknown-command", kNotFound},
    {"ambiguous-abbreviation", kNotFound},
    {"missing-argument", kMissing},
    {"missing-value", kMissing},
    {"unknown-tag", kSyntax},
    {"repeated-tag", kSyntax},
    {"unexpected-argument", kSyntax},
    {"filter-not-found", "The filter does not exist."},
    {"key-exists", "An object with that GUID or LUID already exists."},
    {"no-rule", ""},
    {"no-rule-to-delete", ""},
};

constexpr std::string_view kAddConditionHelp =
    "Usage: add condition [field=]NAME [matchtype=]NAME [data=]VALUE\n"
    "\n"
    "Match types: equal greater less greater_or_equal less_or_equal range all_set\n"
    "any_set none_set. Adjacent conditions on one field are alternatives; all others\n"
    "must hold together.\n"
    "\n"
    "Fields of um:  if_uuid if_version if_flag dcom_app_id image_name protocol\n"
    "  auth_type auth_level sec_encrypt_alg sec_key_size remote_user_token\n"
    "  local_addr_v4 local_addr_v6 remote_addr_v4 remote_addr_v6 local_port pipe\n"
    "  opnum\n"
    "of epmap:      those of um but if_flag dcom_app_id image_name opnum; if_uuid\n"
    "  first, if_version second\n"
    "of ep_add:     process_with_if_uuid first, protocol second, ep_value ep_flags\n"
    "of proxy_conn: server_name server_port proxy_auth_type client_token\n"
    "  client_cert_key_length client_cert_oid\n"
    "of proxy_if:   if_uuid first, if_version, and those of proxy_conn\n";

// The frame in which netsh lists what a context or a group of commands has. What netsh says of the
// commands of `rpc` itself is not published; of those of every context it is.
#define NETSH_LISTING(entries)                                                    \
  "\n"                                                                            \
  "The following commands are available:\n"                                       \
  "\n"                                                                            \
  "Commands in this context:\n" entries                                           \
  "\n"                                                                            \
  "To view help for a command, type the command, followed by a space, and then\n" \
  " type ?.\n\n"

struct Topic {
  NetshTopic topic;
  std::string_view text;
};

constexpr Topic kHelp[] = {
    {NetshTopic::root, NETSH_LISTING("?              - Displays a list of commands.\n"
                                     "..             - Goes up one context level.\n"
                                     "bye            - Exits the program.\n"
                                     "exit           - Exits the program.\n"
                                     "help           - Displays a list of commands.\n"
                                     "popd           - Pops a context from the stack.\n"
                                     "pushd          - Pushes current context on stack.\n"
                                     "quit           - Exits the program.\n"
                                     "rpc            - Changes to the `netsh rpc' context.\n"
                                     "\nThe following sub-contexts are available:\n rpc\n")},
    {NetshTopic::rpc,
     NETSH_LISTING("?              - Displays a list of commands.\n"
                   "add            - Is about selective binding, which is not supported here.\n"
                   "delete         - Is about selective binding, which is not supported here.\n"
                   "dump           - Is about selective binding, which is not supported here.\n"
                   "filter         - Changes to the `netsh rpc filter' context.\n"
                   "help           - Displays a list of commands.\n"
                   "reset          - Is about selective binding, which is not supported here.\n"
                   "show           - Is about selective binding, which is not supported here.\n"
                   "\nThe following sub-contexts are available:\n filter\n")},
    {NetshTopic::filter,
     NETSH_LISTING("?              - Displays a list of commands.\n"
                   "add            - Opens a rule, adds a condition to it, makes a filter of it.\n"
                   "delete         - Drops the open rule, or deletes filters.\n"
                   "dump           - Displays a configuration script.\n"
                   "help           - Displays a list of commands.\n"
                   "show           - Lists the filters.\n")},
    {NetshTopic::add, NETSH_LISTING("add condition  - Adds a condition to the open rule.\n"
                                    "add filter     - Makes a filter of the open rule.\n"
                                    "add rule       - Opens a rule: a layer and an action.\n")},
    {NetshTopic::add_rule,
     "Usage: add rule [layer=]um|epmap|ep_add|proxy_conn|proxy_if\n"
     "                [actiontype=]block|permit|continue\n"
     "                [[filterkey=]UUID] [[persistence=]volatile]\n"
     "                [[audit=]enable] [[auditparameters=]enable]\n"
     "\n"
     "Opens the rule that `add condition` adds to and `add filter` makes a filter of.\n"
     "Filters persist unless they are volatile, and get a key when none is given.\n"
     "Layer ep_add cannot be audited; auditparameters needs layer um and audit.\n"},
    {NetshTopic::add_condition, kAddConditionHelp},
    {NetshTopic::add_filter,
     "Usage: add filter\n"
     "\n"
     "Makes a filter of the open rule and its conditions; it applies at once.\n"},
    {NetshTopic::remove, NETSH_LISTING("delete filter  - Deletes one filter, or all of them.\n"
                                       "delete rule    - Drops the open rule.\n")},
    {NetshTopic::delete_rule,
     "Usage: delete rule\n"
     "\n"
     "Drops the open rule with its conditions. Filters stay.\n"},
    {NetshTopic::delete_filter,
     "Usage: delete filter [filterkey=]all|UUID\n"
     "\n"
     "Deletes the filter of that key, or all filters.\n"},
    {NetshTopic::show, NETSH_LISTING("show filter    - Lists the filters.\n")},
    {NetshTopic::show_filter,
     "Usage: show filter\n"
     "\n"
     "Lists the filters. UUIDs are printed as four little-endian words.\n"},
};
#undef NETSH_LISTING

}  // namespace

std::string_view netsh_help(NetshTopic topic) noexcept {
  for (const Topic& row : kHelp) {
    if (row.topic == topic) return row.text;
  }
  return {};
}

std::string netsh_refusal(std::string_view code, std::span<const Word> words) {
  std::string text = "The parameter is incorrect.";
  for (const Refusal& row : kRefusals) {
    if (row.code == code) text = row.text;
  }
  if (text.empty()) return text;
  if (text == kNotFound) {
    text += ':';
    for (const Word& word : words) text.append(" ").append(printable(word.text));
    text += '.';
  }
  return text + "\n\n";
}

}  // namespace rpcaudit::policy
