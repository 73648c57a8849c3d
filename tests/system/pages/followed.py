"""Commands of the pages that tests of packages and images run, as they follow the page: text -> id of the test."""

_PACKAGES = "tests/system/packages"
FIRST_SHOP = f"{_PACKAGES}/test_first_shop.py::test_the_page_leads_from_the_package_to_a_living_shop"
BACK = f"{_PACKAGES}/test_first_shop.py::test_the_page_leads_back_to_the_former_version_and_shops_live_on"
BACK_OF_A_SERVER = (
    f"{_PACKAGES}/upgrades/test_upgrades.py::"
    "test_the_page_leads_back_to_the_former_version_where_a_server_has_the_state"
)  # fmt: skip
MOVED = f"{_PACKAGES}/upgrades/test_upgrades.py::test_the_page_leads_to_another_machine"
IMAGE = f"{_PACKAGES}/artefacts/test_image.py::TestImage::test_the_page_leads_back_to_the_former_image"
COMPOSED = (
    f"{_PACKAGES}/artefacts/test_image.py::TestImage::"
    "test_composed_the_page_leads_to_a_newer_image_and_back_to_the_former"
)  # fmt: skip

FOLLOWED = {
    # The package
    "a2dismod -f mpm_event status": FIRST_SHOP,
    "a2enmod mpm_prefork mpm_itk rewrite headers expires proxy_fcgi": FIRST_SHOP,
    "systemctl restart apache2": FIRST_SHOP,
    "sh /usr/share/shoplaunch/local-panel.sh": FIRST_SHOP,
    "systemctl stop shoplaunch-web shoplaunch-worker": BACK,
    "mkdir -m 700 /root/later && mv /var/lib/shoplaunch/keys /var/lib/shoplaunch/shoplaunch.db* /root/later/": BACK,
    "dpkg -i FORMER.deb": BACK,
    "shoplaunch restore /var/backups/shoplaunch/before-….backup": BACK,
    "systemctl start shoplaunch-web shoplaunch-worker": BACK,
    "mkdir -m 700 /root/later && mv /var/lib/shoplaunch/keys /root/later/": BACK_OF_A_SERVER,
    "mariadb-dump shoplaunch >/root/later/shoplaunch.sql": BACK_OF_A_SERVER,
    "mariadb -e 'DROP DATABASE shoplaunch; CREATE DATABASE shoplaunch'": BACK_OF_A_SERVER,
    "systemctl disable --now shoplaunch-web shoplaunch-worker shoplaunch-backup.timer "
    "shoplaunch-retention.timer": MOVED,
    "ssh root@FORMER tar -C / -c etc/shoplaunch var/lib/shoplaunch | tar -C / -x": MOVED,
    # The image
    "alias closed='podman run --rm -it --read-only --cap-drop all --security-opt no-new-privileges "
    "-v shoplaunch:/var/lib/shoplaunch'": IMAGE,
    "closed localhost/shoplaunch init --operator-email you@example.com": IMAGE,
    "podman run -d --name shoplaunch --read-only --cap-drop all --security-opt no-new-privileges "
    "-v shoplaunch:/var/lib/shoplaunch -p 127.0.0.1:8000:8000 -e SHOPLAUNCH_PUBLIC_URL=https://control.example.com "
    "-e SHOPLAUNCH_TRUSTED_PROXIES=1 -e SHOPLAUNCH_MAIL__HOST=mail.example.com "
    "-e SHOPLAUNCH_MAIL__SENDER=shops@example.com localhost/shoplaunch": IMAGE,
    "podman exec -i shoplaunch sh -c 'umask 077; cat >/var/lib/shoplaunch/cp1.token' <cp1.token": IMAGE,
    "podman exec shoplaunch shoplaunch server add cp1 --panel cpanel --url https://cp1.example.com:2087 "
    "--user reseller --token-file /var/lib/shoplaunch/cp1.token": IMAGE,
    "podman exec -i shoplaunch sh -c 'umask 077; cat >/var/lib/shoplaunch/classic.bundle' <classic.bundle": IMAGE,
    "podman exec shoplaunch shoplaunch bundle add classic /var/lib/shoplaunch/classic.bundle": IMAGE,
    "podman exec shoplaunch rm /var/lib/shoplaunch/cp1.token /var/lib/shoplaunch/classic.bundle": IMAGE,
    "podman exec shoplaunch shoplaunch backup - >before.backup": IMAGE,
    "podman tag localhost/shoplaunch localhost/shoplaunch:former": IMAGE,
    "podman stop -t 25 shoplaunch && podman rm shoplaunch": IMAGE,
    "podman tag localhost/shoplaunch:former localhost/shoplaunch:latest": IMAGE,
    "alias inside='podman run --rm -i --read-only --cap-drop all -v shoplaunch:/var/lib/shoplaunch "
    "--entrypoint sh localhost/shoplaunch -ec'": IMAGE,
    "inside 'umask 077; cd /var/lib/shoplaunch; mkdir later; mv keys shoplaunch.db* later; cat >before.backup' "
    "<before.backup": IMAGE,
    "closed localhost/shoplaunch restore /var/lib/shoplaunch/before.backup": IMAGE,
    # Composed
    "podman-compose run --rm web migrate": COMPOSED,
    "podman-compose up -d": COMPOSED,
    "podman-compose exec -T web shoplaunch backup - >before.backup": COMPOSED,
    "podman-compose stop web worker": COMPOSED,
    "podman-compose down": COMPOSED,
    "umask 077": COMPOSED,
    "podman-compose exec -T database sh -c 'MYSQL_PWD=$MARIADB_PASSWORD mariadb-dump -u shoplaunch shoplaunch' "
    ">later.sql": COMPOSED,
    "podman-compose exec -T database sh -c 'MYSQL_PWD=$MARIADB_PASSWORD mariadb -u shoplaunch -e "
    '"DROP DATABASE shoplaunch; CREATE DATABASE shoplaunch"\'': COMPOSED,
    "podman-compose run --rm -T --entrypoint sh web -ec 'umask 077; cd /var/lib/shoplaunch; mkdir later; "
    "mv keys later; cat >before.backup' <before.backup": COMPOSED,
    "podman-compose run --rm web restore /var/lib/shoplaunch/before.backup": COMPOSED,
    "podman-compose down && podman-compose up -d": COMPOSED,
}  # fmt: skip
