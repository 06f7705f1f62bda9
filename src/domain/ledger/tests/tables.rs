//! Tables: a line is a command and its outcome. `ann` and `ada` are accounts of alice, `bea` and `ben` of bob.

use super::language::run;

#[test]
fn money_comes_from_the_world_and_moves_between_accounts() {
    run("
        alice open ann wallet USD                               => ok
        alice open ada savings USD                              => ok
        bob open bea wallet USD                                 => ok
        admin post system:world:USD ann 100.00 USD              => t1 issue ann=100.00 system:world:USD=-100.00
        alice post ann bea 12.34 USD                            => t2 transfer ann=87.66 bea=12.34
        alice post ann ada 80.00 USD                            => t3 transfer ann=7.66 ada=80.00
        alice post ann bea 7.67 USD
            => insufficient_funds debit 0 available=7.66 required=7.67
        alice post ann @bea 7.66 USD                            => t4 transfer ann=0.00 bea=20.00
        alice post ada ann 1.00 USD + ann bea 1.00 USD          => t5 transfer ann=0.00 ada=79.00 bea=21.00
        alice post ann bea 1.00 USD + ada ann 1.00 USD
            => insufficient_funds debit 0 available=0.00 required=1.00
        alice post ada bea 50.00 USD + ada bea 30.00 USD
            => insufficient_funds debit 1 available=29.00 required=30.00
        alice post ada ann 9.00 USD + ann ada 9.00 USD          => t6 transfer ann=0.00 ada=79.00
        admin post ada system:world:USD 79.00 USD               => t7 issue ada=0.00 system:world:USD=-21.00
    ");
}

#[test]
fn the_form_is_checked_first() {
    run("
        alice open ann wallet USD                               => ok
        bob open bea wallet USD                                 => ok
        alice post ann bea 1.00 USD times=64
            => insufficient_funds debit 0 available=0.00 required=1.00
        alice post ann bea 1.00 USD times=65                    => posting_count 65 of 64
        alice post ann bea 1.00 USD times=0                     => posting_count 0 of 64
        alice post ann bea 1.00 USD + bea bea 1.00 USD          => same_account debit 1
        alice post ann @ann 1.00 USD                            => same_account debit 0
        alice post ann bea 1.00 USD + ann bea 1.00 EUR          => several_currencies debit 1 USD and EUR
        alice post nil nil 1.00 USD                             => account_not_found debit 0
    ");
}

#[test]
fn an_account_has_one_currency() {
    run("
        alice open ann wallet USD                               => ok
        bob open bea wallet EUR                                 => ok
        bob open ben wallet USD                                 => ok
        admin post system:world:USD ann 10.00 USD               => t1 issue ann=10.00 system:world:USD=-10.00
        alice post ann bea 1.00 EUR                             => currency_mismatch debit 0 EUR in USD
        alice post ann bea 1.00 USD                             => currency_mismatch credit 0 USD in EUR
        alice post ann @bea 1.00 USD                            => recipient_unavailable credit 0
        admin post ann system:fx:USD 9.00 USD + system:fx:EUR bea 8.00 EUR
            => t2 issue ann=1.00 bea=8.00 system:fx:USD=9.00 system:fx:EUR=-8.00
    ");
}

#[test]
fn debits_and_system_accounts_need_their_permissions() {
    run("
        alice open ann wallet USD                               => ok
        bob open bea wallet USD                                 => ok
        issuer post system:world:USD ann 10.00 USD              => t1 issue ann=10.00 system:world:USD=-10.00
        issuer-silent post system:world:USD ann 10.00 USD       => reason_required
        operator-silent post system:world:USD ann 10.00 USD     => reason_required
        operator post system:world:USD ann 10.00 USD            => t2 issue ann=20.00 system:world:USD=-20.00
        clerk post system:world:USD ann 10.00 USD               => system_account_reserved debit 0
        service post ann system:fees:USD 1.00 USD               => system_account_reserved credit 0
        alice post system:world:USD ann 10.00 USD               => account_not_found debit 0
        alice post ann system:fees:USD 1.00 USD                 => account_not_found credit 0
        bob post ann bea 1.00 USD                               => account_not_found debit 0
        issuer post ann bea 1.00 USD                            => account_not_found debit 0
        clerk-silent post ann bea 1.00 USD                      => reason_required
        clerk post ann bea 1.00 USD                             => t3 transfer ann=19.00 bea=1.00
        service post ann bea 1.00 USD                           => t4 transfer ann=18.00 bea=2.00
        product post ann system:fees:USD 1.00 USD               => t5 issue ann=17.00 system:fees:USD=1.00
    ");
}

#[test]
fn the_payer_is_judged_before_the_recipient() {
    run("
        alice open ann wallet USD                               => ok
        bob open bea wallet USD                                 => ok
        alice post ann nil 1.00 USD
            => insufficient_funds debit 0 available=0.00 required=1.00
        alice post ann @nobody 1.00 USD
            => insufficient_funds debit 0 available=0.00 required=1.00
        admin post system:world:USD ann 10.00 USD               => t1 issue ann=10.00 system:world:USD=-10.00
        alice post ann nil 1.00 USD                             => account_not_found credit 0
        alice post ann @nobody 1.00 USD                         => recipient_unavailable credit 0
        alice post ann @nobody 1.00 USD + ann bea 9.01 USD
            => insufficient_funds debit 1 available=9.00 required=9.01
        alice post ann bea 1.00 USD + ann @nobody 1.00 USD      => recipient_unavailable credit 1
        clerk freeze bea all                                    => ok
        alice post ann bea 1.00 USD                             => account_frozen credit 0 all
        alice post ann @bea 1.00 USD                            => recipient_unavailable credit 0
        clerk unfreeze bea                                      => ok
        bob close bea                                           => closed balance=0.00 available=0.00 last=0
        alice post ann bea 1.00 USD                             => account_closed credit 0
        alice post ann @bea 1.00 USD                            => recipient_unavailable credit 0
    ");
}

#[test]
fn a_freeze_stops_debits_or_everything() {
    run("
        alice open ann wallet USD                               => ok
        bob open bea wallet USD                                 => ok
        admin post system:world:USD ann 10.00 USD               => t1 issue ann=10.00 system:world:USD=-10.00
        alice post ann bea 1.00 USD                             => t2 transfer ann=9.00 bea=1.00
        alice freeze ann debits                                 => operators_only
        bob freeze ann debits                                   => account_not_found account
        clerk-silent freeze ann debits                          => reason_required
        clerk freeze ann debits                                 => ok
        clerk freeze ann debits                                 => unchanged
        alice post ann bea 1.00 USD                             => account_frozen debit 0 debits
        clerk post ann bea 1.00 USD                             => account_frozen debit 0 debits
        bob post bea ann 0.50 USD                               => t3 transfer ann=9.50 bea=0.50
        bob reverse t2
            => insufficient_funds debit 0 available=0.50 required=1.00
        clerk reverse t3                                        => account_frozen debit 0 debits
        alice close ann to=bea                                  => account_frozen account debits
        clerk freeze ann all                                    => ok
        bob post bea ann 0.50 USD                               => account_frozen credit 0 all
        service unfreeze ann                                    => operators_only
        clerk unfreeze ann                                      => ok
        clerk unfreeze ann                                      => unchanged
        alice post ann bea 1.00 USD                             => t4 transfer ann=8.50 bea=1.50
        clerk freeze system:world:USD debits                    => system_account_fixed
    ");
}

#[test]
fn an_owner_who_is_suspended_does_not_pay() {
    run("
        alice open ann wallet USD                               => ok
        bob open bea wallet USD                                 => ok
        admin post system:world:USD ann 10.00 USD               => t1 issue ann=10.00 system:world:USD=-10.00
        alice suspend                                           => true
        alice post ann bea 1.00 USD                             => owner_suspended debit 0
        service post ann bea 1.00 USD                           => owner_suspended debit 0
        clerk post ann bea 1.00 USD                             => t2 transfer ann=9.00 bea=1.00
        bob post bea ann 1.00 USD                               => t3 transfer ann=10.00 bea=0.00
        alice restore                                           => true
        alice post ann bea 1.00 USD                             => t4 transfer ann=9.00 bea=1.00
    ");
}

#[test]
fn limits_hold_at_every_posting() {
    run("
        admin open ann wallet USD owner=alice credit=5.00 max=20.00 => ok
        bob open bea wallet USD                                 => ok
        admin post system:world:USD ann 20.01 USD               => max_balance_exceeded credit 0
        admin post system:world:USD ann 20.00 USD               => t1 issue ann=20.00 system:world:USD=-20.00
        alice post ann bea 25.01 USD
            => insufficient_funds debit 0 available=25.00 required=25.01
        alice post ann bea 23.00 USD                            => t2 transfer ann=-3.00 bea=23.00
        alice show ann                                          => active balance=-3.00 available=2.00 last=0
        bob post bea ann 23.00 USD                              => t3 transfer ann=20.00 bea=0.00
        admin post system:world:USD ann 1.00 USD + ann system:world:USD 1.00 USD => max_balance_exceeded credit 0
        admin post ann system:world:USD 1.00 USD + system:world:USD ann 1.00 USD
            => t4 issue ann=20.00 system:world:USD=-20.00
        alice post ann bea 23.00 USD                            => t5 transfer ann=-3.00 bea=23.00
        clerk credit-limit ann 2.99                             => credit_limit_in_use 3.00
        clerk credit-limit ann 3.00                             => ok
        clerk credit-limit ann 3.00                             => unchanged
        alice post ann bea 0.01 USD
            => insufficient_funds debit 0 available=0.00 required=0.01
        clerk max-balance bea 22.99                             => max_balance_below_balance 23.00
        clerk max-balance bea 23.00                             => ok
        admin post system:world:USD bea 0.01 USD                => max_balance_exceeded credit 0
        clerk max-balance bea none                              => ok
        alice credit-limit ann 9.00                             => operators_only
        clerk-silent max-balance ann 9.00                       => reason_required
        clerk credit-limit system:world:USD 1.00                => system_account_fixed
    ");
}

#[test]
fn an_amount_beyond_the_range_is_refused_on_either_side() {
    run("
        alice open ann wallet USD                               => ok
        bob open bea wallet USD                                 => ok
        admin post system:world:USD ann 10000000000000000000000000.00 USD
            => t1 issue ann=10000000000000000000000000.00 system:world:USD=-10000000000000000000000000.00
        admin post system:world:USD bea 0.01 USD                => amount_overflow debit 0
        admin post system:bank:USD ann 0.01 USD                 => amount_overflow credit 0
        admin post system:bank:USD ann 0.01 USD + ann bea 0.01 USD => amount_overflow credit 0
        admin post system:bank:USD ann 0.01 USD + bea ann 0.01 USD
            => insufficient_funds debit 1 available=0.00 required=0.01
        admin post ann bea 0.01 USD + system:bank:USD ann 0.01 USD
            => t2 issue ann=10000000000000000000000000.00 bea=0.01 system:bank:USD=-0.01
    ");
}

#[test]
fn a_condition_reads_the_funds_before_the_transaction() {
    run("
        alice open ann wallet USD                               => ok
        bob open bea wallet USD                                 => ok
        admin post system:world:USD ann 10.00 USD if=999.00     => t1 issue ann=10.00 system:world:USD=-10.00
        alice post ann bea 1.00 USD if=10.01
            => condition_failed debit 0 available=10.00 wanted=10.01
        alice post ann bea 99.00 USD if=10.01
            => condition_failed debit 0 available=10.00 wanted=10.01
        alice post ann bea 1.00 USD if=10.00                    => t2 transfer ann=9.00 bea=1.00
        alice post ann bea 1.00 USD if=0                        => t3 transfer ann=8.00 bea=2.00
    ");
}

#[test]
fn a_reference_is_unique_for_its_author() {
    run("
        alice open ann wallet USD                               => ok
        bob open bea wallet USD                                 => ok
        admin post system:world:USD ann 10.00 USD ref=one       => t1 issue ann=10.00 system:world:USD=-10.00
        alice post ann bea 1.00 USD ref=one                     => t2 transfer ann=9.00 bea=1.00
        alice post ann bea 2.00 USD ref=one                     => duplicate_reference t2
        alice post nil bea 2.00 USD ref=one                     => duplicate_reference t2
        alice post ann bea 2.00 USD ref=One                     => t3 transfer ann=7.00 bea=3.00
        alice reverse t1 ref=one                                => duplicate_reference t2
    ");
}

#[test]
fn a_reversal_is_the_opposite_and_happens_once() {
    run("
        alice open ann wallet USD                               => ok
        bob open bea wallet USD                                 => ok
        bob open ben wallet USD                                 => ok
        admin post system:world:USD ann 10.00 USD               => t1 issue ann=10.00 system:world:USD=-10.00
        alice post ann bea 4.00 USD + ann ben 3.00 USD          => t2 transfer ann=3.00 bea=4.00 ben=3.00
        carol reverse t2                                        => transaction_not_found
        alice reverse t2                                        => reversal_forbidden
        service reverse t2                                      => reversal_forbidden
        clerk-silent reverse t2                                 => reason_required
        bob post ben bea 1.00 USD                               => t3 transfer bea=5.00 ben=2.00
        bob reverse t2
            => insufficient_funds debit 1 available=2.00 required=3.00
        bob reverse t3                                          => t4 reversal bea=4.00 ben=3.00
        bob reverse t3                                          => already_reversed t4
        bob reverse t4                                          => reversal_of_reversal t3
        bob reverse t2 ref=back                                 => t5 reversal ann=10.00 bea=0.00 ben=0.00
        clerk reverse t2                                        => already_reversed t5
        alice reverse t1                                        => account_not_found credit 0
        clerk reverse t1                                        => system_account_reserved credit 0
        admin reverse t1                                        => t6 reversal ann=0.00 system:world:USD=0.00
        admin post system:world:USD ann 1.00 USD + ann bea 1.00 USD + bea ben 1.00 USD
            => t7 issue ann=0.00 bea=0.00 ben=1.00 system:world:USD=-1.00
        admin reverse t7
            => t8 reversal ann=0.00 bea=0.00 ben=0.00 system:world:USD=0.00
    ");
}

#[test]
fn an_account_is_closed_empty_or_swept() {
    run("
        alice open ann wallet USD                               => ok
        alice open ada savings USD                              => ok
        admin open bea wallet USD owner=bob credit=5.00         => ok
        admin post system:world:USD ann 10.00 USD               => t1 issue ann=10.00 system:world:USD=-10.00
        bob close ann                                           => account_not_found account
        service close ann                                       => operators_only
        clerk-silent close ann                                  => reason_required
        alice close ann                                         => account_not_empty 10.00
        alice close ann to=ann                                  => same_account debit 0
        alice close ann to=nil                                  => account_not_found credit 0
        alice close ann to=@nobody                              => recipient_unavailable credit 0
        alice close ann to=system:unclaimed:USD                 => account_not_found credit 0
        alice clock 5                                           => 5
        alice close ann to=ada                                  => closed balance=0.00 available=0.00 last=5
        alice close ann                                         => account_closed account
        alice label ann x                                       => account_closed account
        clerk freeze ann all                                    => account_closed account
        alice post ada ann 1.00 USD                             => account_closed credit 0
        bob post bea ada 5.00 USD                               => t3 transfer ada=15.00 bea=-5.00
        bob close bea to=ada                                    => account_not_empty -5.00
        clerk close ada to=system:fees:USD                      => system_account_reserved credit 0
        clerk close ada to=system:unclaimed:USD                 => closed balance=0.00 available=0.00 last=5
        clerk close system:unclaimed:USD                        => system_account_fixed
        alice show system:unclaimed:USD                         => active balance=15.00 available=unlimited last=5
    ");
}

#[test]
fn all_entries_of_a_transaction_have_one_time_and_no_account_goes_back() {
    run("
        alice open ann wallet USD                               => ok
        bob open bea wallet USD                                 => ok
        bob open ben wallet USD                                 => ok
        admin post system:world:USD ann 10.00 USD               => t1 issue ann=10.00 system:world:USD=-10.00
        alice clock 100                                         => 100
        alice post ann bea 1.00 USD                             => t2 transfer ann=9.00 bea=1.00
        alice clock -90                                         => 10
        bob post bea ben 1.00 USD                               => t3 transfer bea=0.00 ben=1.00
        bob show ben                                            => active balance=1.00 available=1.00 last=100
        alice balance-at ann 100                                => ok
        alice balance-at ann 101                                => time_ahead 100
        alice clock 200                                         => 210
        alice balance-at ann 210                                => ok
        alice balance-at ann 211                                => time_ahead 210
    ");
}

#[test]
fn opening_is_limited_and_most_of_it_is_for_administrators() {
    run("
        alice open ann wallet USD owned=19                      => ok
        alice open ada savings EUR owned=20                     => too_many_accounts 20
        admin open ada savings EUR owner=alice owned=20         => too_many_accounts 20
        alice open x system USD                                 => account_type_not_openable system
        admin open x system USD                                 => account_type_not_openable system
        alice open x merchant USD                               => administrators_only type
        alice open x wallet USD owner=bob                       => administrators_only ownerId
        alice open x wallet USD credit=1.00                     => administrators_only creditLimit
        alice open x wallet USD max=1.00                        => administrators_only maxBalance
        alice open x wallet USD alias=shop                      => administrators_only alias
        service open x wallet USD alias=shop credit=1.00        => administrators_only creditLimit
        alice open own wallet USD owner=alice                   => ok
        operator open x wallet USD                              => owner_required
        service open sam wallet USD alias=till                  => ok
        admin open shop merchant USD owner=bob alias=shop       => ok
        admin open x wallet USD alias=shop                      => alias_taken
        bob close shop                                          => closed balance=0.00 available=0.00 last=0
        admin open x wallet USD alias=shop                      => alias_taken
        clerk alias ann shop                                    => alias_taken
        clerk alias ann ann.one                                 => ok
        clerk alias ann ann.one                                 => unchanged
        clerk alias ann ann.two                                 => alias_fixed
        alice alias ann ann.two                                 => operators_only
        alice label ann Lunch                                   => ok
        alice label ann Lunch                                   => unchanged
        bob label ann Mine                                      => account_not_found account
        service label ann Mine                                  => operators_only
        clerk-silent label ann Food                             => ok
    ");
}
