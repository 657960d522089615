"""Sentences that only point elsewhere, and those that tell something."""

import pytest

from services.support.answers.pointers import only_points_elsewhere

POINTERS = [
    'For a number used only once, choose "What disposable cards are for and how to get one".',
    'The steps are described in "How to top up with a bank card", prices in "Does '
    'topping up with a card cost anything?" and the currencies for holding money in '
    '"Which currencies can I hold and exchange?".',
    'The steps are described in "How to top up".',
    "See the section below.",
    'See the section "Refunds" below.',
    "Please see the section below for details.",
    'Fees at ATMs are explained in "Why did I pay a fee for taking out cash?".',
    'If your card has been sent and is late, see "When will my new card arrive, and '
    'can I track it?".',
    'For ATMs, see "The cash machine declined my withdrawal".',
    'Ways to pay in and their limits are described in "Topping up with cash or a cheque".',
    'All options are compared in "How long does card delivery take, and can I choose '
    'the day?", and the choice of network is explained in "Choosing between a Visa '
    'and a Mastercard".',
    'Adding your own money is described in "How to add money by bank transfer", and '
    'times are given in "How long do transfers take to arrive?".',
    'A percentage added to a purchase is explained in "Why was a fee added when I paid by card?".',
    'see "How to change your PIN, at home or abroad"; for a locked one, see "My PIN '
    'is blocked after too many tries".',
    "This article explains how to change your PIN.",
    "The section below explains how to do that.",
    "You can find the steps in the guide below.",
    "You will find more details here.",
    "For more information, visit https://example.com/help.",
    "More information is available on our help pages.",
    "Learn more about refunds.",
    "Click here for the steps.",
    "Read more",
    "See also: Refunds, Returns",
    'Do it as described in "Changing your PIN".',
    "Change your PIN as described in [Changing your PIN].",
    "Refer to our refunds guide.",
    "Details are listed in the table below.",
    "The full list can be found in the next section.",
    '- See "Refunds".',
    'We describe this in the article "Refunds".',
    "How to do this is described in the following section.",
    "Our FAQ covers this topic.",
    "https://example.com/x",
    "Follow the steps below.",
    "Instructions can be found in Section 4.",
    "The procedure is outlined in chapter 3.",
    "For refunds, please refer to the Refunds section.",
    "This is covered elsewhere.",
    "As explained above.",
    "The steps to reset your password are described in the article Resetting your password.",
]
STATEMENTS = [
    'Tap "I don\'t recognise this payment".',
    '"We will never ask you for your password."',
    "For more information, call 0800 123 456.",
    "Without access to the old phone, log in on the new one first, as explained in "
    '"I\'ve lost my phone or it was stolen".',
    "For subscriptions, or for shops you visit often, choose an ordinary virtual card"
    ' as described in "How to get a virtual card".',
    "If you see a card payment that you did not make, freeze your card now under "
    'Cards > Freeze and report the payment with "Get help".',
    "Tap the card to see the number, expiry date and security code.",
    "Go to Cards > Freeze.",
    "Your card number is shown on the front of the card.",
    'Tap "Show PIN", to see the right number.',
    "Open the app and follow the instructions.",
    "Parcels above 30 kg cannot be sent.",
    "A transfer above 500 pounds needs a code.",
    "Fees are listed below: a transfer costs 1 pound.",
    "It is free.",
    "Call us on 0800 123 456.",
    "Visit our shop at 12 High Street to collect it.",
    'Go to "Settings" and tap "Delete account".',
    'Select "Refund" in the list of orders.',
    "Refunds take 5 working days.",
    "Your receipt is available in the app under Orders.",
    "We list the total on your bill every month.",
    "More information may be needed to verify your identity.",
    "You can get a refund within 30 days.",
    "You will get the code by SMS.",
    "You can see the balance on the home screen.",
    "Each table seats four guests and is given out at the door.",
    "The guide meets you at the entrance.",
    "Follow your parcel with the tracking number.",
    "See a doctor if the rash gets worse.",
    "Read the meter on the first of each month.",
    'Tap "Cards".',
    "Check the list of ingredients on the package before you eat.",
    "Breakfast is available from 7 to 10.",
    "You can read books offline.",
    "Write to help@example.com.",
    "Sign in at https://example.com/login with your customer number and choose Refund.",
    "The list price is shown with VAT.",
    "If the steps are shown in red, wait a minute.",
    "Open the list of devices, and remove the old phone.",
    'Click "Forgot password".',
]


@pytest.mark.parametrize("text", POINTERS)
def test_a_pointer_is_known(text: str) -> None:
    assert only_points_elsewhere(text)


@pytest.mark.parametrize("text", STATEMENTS)
def test_what_tells_something_is_no_pointer(text: str) -> None:
    assert not only_points_elsewhere(text)


def test_a_long_text_is_no_pointer() -> None:
    assert not only_points_elsewhere(f"See the section below{' and more' * 100}")
