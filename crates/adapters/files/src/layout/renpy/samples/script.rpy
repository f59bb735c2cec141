# The lighthouse: a scene that has a bit of everything.
define m = Character(_("Mira"), color="#c8ffc8")
default coins = 3

label start:
    scene bg lighthouse with fade
    m "Hello there."
    m happy -worried @ blush "You are \"late\",\n[player]. {b}Very{/b} late." with vpunch
    extend " I waited  for  hours."
    "The lamp turns."  # a comment, with "quotes"
    "Old man" "Go  away!\
  I said   go."
    voice "mira_004.ogg"
    m "100%% sure? {{smile} [[no]"
    nvl clear
    """
    First it rained
    all day.

    Then it \"snowed\".
    """

    menu:
        m "Where to?"

        "Up the stairs" if coins > 2:
            $ coins -= 1
            jump upstairs
        "Back home":
            m 'It\'s over.'

label .stairs:
    m "日本語も大丈夫。"
    call screen map(_("Map"), tooltip=_('Where you are'))
    show mira at left:
        "mira a.png"
        pause 0.5
    m `שלום`
    return

screen map(title, tooltip):
    text title
    text _("Press {i}M{/i} to close")
